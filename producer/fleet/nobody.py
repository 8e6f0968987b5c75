"""Why nobody serves a queue: what it needs, and what the best worker has instead. Pure."""

from collections.abc import Sequence

from contract.capability import ANY_CPU, Requirement, all_features, cpu_satisfies, level_runs, satisfies
from contract.memory import format_bytes, tier_in_words
from contract.queues import queue_name
from producer.fleet.facts import Facts, Worker


def why_nobody(needs: Requirement, facts: Facts) -> str | None:
    """In one line; None when a worker serves it.

    no worker is alive
    needs 8 GiB of memory per slot, the largest worker has 3.5 GiB
    needs 8 GiB of memory per slot, the largest worker with x86_64_v4 has 3.5 GiB
    needs avx512_vnni, which no worker has
    large@yard has withdrawn: its child ended with SIGILL
    large@yard is draining
    """
    workers = [worker for worker, _ in facts.kinds]
    if any(worker.serves(needs) for worker in workers):
        return None
    if not workers:
        return "no worker is alive"
    if any(satisfies(worker.advert.capability, needs) for worker in workers):
        return _unwilling(needs, facts.workers)
    right_cpu = [worker for worker in workers if cpu_satisfies(worker.advert.capability, needs)]
    if not right_cpu:
        return _no_cpu(needs, workers)
    largest = max(worker.advert.capability.memory_per_slot_bytes for worker in right_cpu)
    which = f" with {_cpu(needs)}" if len(right_cpu) < len(workers) else ""
    return (
        f"needs {tier_in_words(needs.memory_bytes)} of memory per slot, "
        f"the largest worker{which} has {format_bytes(largest)}"
    )


def _unwilling(needs: Requirement, workers: Sequence[Worker]) -> str:
    able = [worker for worker in workers if satisfies(worker.advert.capability, needs)]
    first, queue = able[0], queue_name(needs)
    why = "is draining" if first.draining else f"has withdrawn: {first.advert.withdrawn[queue]}"
    others = f"; {len(able) - 1} more could, and do not" if len(able) > 1 else ""
    return f"{first.node} {why}{others}"


def _no_cpu(needs: Requirement, workers: Sequence[Worker]) -> str:
    level = [worker for worker in workers if level_runs(worker.advert.capability.cpu_level, needs.cpu_level)]
    if not level:
        return f"needs a CPU of level {needs.cpu_level}, which no worker has"
    had = frozenset().union(*(all_features(worker.advert.capability) for worker in level))
    lacking = sorted(needs.cpu_features - had)
    return f"needs {', '.join(lacking)}, which no worker has" if lacking else f"needs {_cpu(needs)}, all in one worker"


def _cpu(needs: Requirement) -> str:
    level = [] if needs.cpu_level == ANY_CPU else [needs.cpu_level]
    return " and ".join([*level, *sorted(needs.cpu_features)])
