"""Which queue a job goes to, or why none will do. Pure: a spec and the live adverts in, a queue or an error out."""

from collections.abc import Sequence
from typing import Final

from contract.capability import Requirement, shortfalls
from contract.errors import NoCapableWorker
from contract.memory import TIERS_BYTES, format_bytes, tier_in_words
from contract.model_spec import ModelSpec
from contract.queues import queue_name, requirement_of
from contract.registry import Advert, serves

#: Kinds of workers that are told of, and workers of a kind that are named.
_KINDS_MAX: Final = 20
_NAMES_MAX: Final = 3


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
    """What the model needs, what the fleet has, what each worker lacks: one line for each kind of worker."""
    needs = spec.needs
    wanted = [f"{tier_in_words(needs.memory_bytes)} of memory per slot"]
    if needs.cpu_level != "any":
        wanted.append(f"CPU level {needs.cpu_level}")
    wanted += sorted(needs.cpu_features)
    lines = [f"no live worker can run {spec.ref}: it needs {', '.join(wanted)}."]
    if not adverts:
        lines.append("  no worker is alive: start one with `celery -A workers worker`")
    alike: dict[str, list[str]] = {}
    for advert in adverts:
        has = advert.capability
        alike.setdefault(
            f"has {format_bytes(has.memory_per_slot_bytes)} per slot, {has.cpu_level}; {why_not(advert, needs)}", []
        ).append(advert.node)
    lines += [f"  {_shown(nodes)} {what}" for what, nodes in [*alike.items()][:_KINDS_MAX]]
    if len(alike) > _KINDS_MAX:
        lines.append(f"  {sum(map(len, [*alike.values()][_KINDS_MAX:]))} more lack something too")
    return "\n".join(lines)


def why_not(advert: Advert, needs: Requirement) -> str:
    """Why a worker takes no work from the queue of `needs`; empty when it does."""
    lacks, queue = shortfalls(advert.capability, needs), queue_name(needs)
    if lacks:
        return f"lacks {', '.join(lacks)}"
    if queue in advert.withdrawn:
        return f"has withdrawn from {queue}: {advert.withdrawn[queue]}"
    return "is draining: it takes nothing new" if advert.draining else ""


def _shown(nodes: Sequence[str]) -> str:
    """`a@yard`, `a@yard, b@yard`, `a@yard and 11 more (each)`."""
    return ", ".join(nodes) if len(nodes) <= _NAMES_MAX else f"{nodes[0]} and {len(nodes) - 1} more (each)"
