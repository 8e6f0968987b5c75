"""Which queue a job goes to, or why none will do. Pure: a spec and the live adverts in, a queue or an error out."""

from collections.abc import Sequence

from contract.capability import shortfalls
from contract.errors import NoCapableWorker
from contract.memory import TIERS_BYTES, format_bytes, tier_name
from contract.model_spec import ModelSpec
from contract.queues import queue_name, requirement_of
from contract.registry import Advert, serves


def route(spec: ModelSpec, adverts: Sequence[Advert], *, allow_waiting: bool = False) -> str:
    """The queue of `spec`. NoCapableWorker when no live worker satisfies it, unless the job may wait for one."""
    if not allow_waiting and not any(serves(advert, spec.needs) for advert in adverts):
        advice = "Start a worker that has it, or queue the job until one comes (allow_waiting / --allow-waiting)."
        raise NoCapableWorker(f"{explain(spec, adverts)}\n{advice}")
    return queue_name(spec.needs)


def next_tier(queue: str, adverts: Sequence[Advert]) -> str | None:
    """The queue that asks the same of the CPU and for more memory, the least of those that a live worker serves."""
    needs = requirement_of(queue)
    for tier_bytes in TIERS_BYTES:
        larger = needs.model_copy(update={"memory_bytes": tier_bytes})
        if tier_bytes > needs.memory_bytes and any(serves(advert, larger) for advert in adverts):
            return queue_name(larger)
    return None


def explain(spec: ModelSpec, adverts: Sequence[Advert]) -> str:
    """What the model needs, what the fleet has, what each worker lacks: one line each."""
    needs, queue = spec.needs, queue_name(spec.needs)
    wanted = [f"{tier_name(needs.memory_bytes)} of memory per slot"]
    if needs.cpu_level != "any":
        wanted.append(f"CPU level {needs.cpu_level}")
    wanted += sorted(needs.cpu_features)
    lines = [f"no live worker can run {spec.ref}: it needs {', '.join(wanted)}."]
    if not adverts:
        lines.append("  no worker is alive: start one with `celery -A workers worker`")
    for advert in adverts:
        has = advert.capability
        lacks = shortfalls(has, needs)
        lines.append(
            f"  {advert.node} has {format_bytes(has.memory_per_slot_bytes)} per slot, {has.cpu_level}; "
            + (f"lacks {', '.join(lacks)}" if lacks else f"has withdrawn from {queue}: {advert.withdrawn.get(queue)}")
        )
    return "\n".join(lines)
