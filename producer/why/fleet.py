"""Who could take a queue's work, and why nobody does now. Pure."""

from collections.abc import Sequence
from typing import Final

from contract.capability import Capability, Requirement, cpu_satisfies, satisfies, shortfalls
from contract.memory import format_bytes, tier_in_words
from contract.queues import queue_name
from contract.registry import could_serve, serves
from producer.why.facts import Facts, Gone, QueueFacts, Running, TaskFacts, Worker
from producer.why.reason import Reason
from producer.why.words import count, duration, names, needs_in_words

START: Final = "start a worker: `celery -A workers worker`"
#: Workers whose tasks are told in a sentence.
_TOLD: Final = 3


def of_queue(queue: QueueFacts, facts: Facts, task: TaskFacts | None = None) -> list[Reason]:
    """Why what waits on `queue` waits; `task` is the one of it that the question is about and that comes first."""
    needs = queue.needs
    if needs is None:
        return [newer_worker(f"its queue {queue.name} is of a newer Vedette")]
    serving = [worker for worker in facts.workers if serves(worker.advert, needs)]
    if serving:
        return _served(queue, serving, facts, task)
    gone = [past for past in facts.gone if could_serve(past.advert, needs)]
    return [*_nobody(needs, facts), *_gone(gone, needs, facts.now_s)]


def newer_worker(what: str) -> Reason:
    return Reason(code="newer_worker", text=f"{what}; it waits for a worker of that version", remedy="upgrade a worker")


# Somebody could


def _served(queue: QueueFacts, serving: Sequence[Worker], facts: Facts, task: TaskFacts | None) -> list[Reason]:
    listening = [worker for worker in serving if queue.name in worker.advert.queues]
    free = [worker for worker in listening if worker.busy < worker.slots]
    if not listening:
        return [
            Reason(
                code="joining",
                text=f"{_fit(serving)} and will listen to {queue.name} within {duration(2 * facts.upkeep_s)}",
                details={"workers": [worker.node for worker in serving]},
            )
        ]
    if not free:
        return [_busy(listening, facts), *_behind(queue, listening, facts, task)]
    if task is None:
        return []
    silent_s = facts.now_s - (task.rung_s if task.rung_s is not None else facts.now_s)
    # A bell that is there is taken within moments: a slot waits for one.
    if queue.bells == 0 and silent_s > 2 * facts.upkeep_s:
        rings_s = max(0.0, facts.bell_patience_s - silent_s)
        return [
            Reason(
                code="doorbell_lost",
                text=f"its message on {queue.name} is lost; {names([worker.node for worker in free])} would take it",
                remedy=f"none: a worker rings again in {duration(rings_s + 3)}",
                details={"queue": queue.name, "rings_in_s": rings_s},
            )
        ]
    return [
        Reason(
            code="soon",
            text=f"{names([worker.node for worker in free])} has a free slot and will take it in a moment",
            details={"workers": [worker.node for worker in free]},
        )
    ]


def _fit(workers: Sequence[Worker]) -> str:
    return f"{names([worker.node for worker in workers])} {'fits' if len(workers) == 1 else 'fit'}"


def _busy(workers: Sequence[Worker], facts: Facts) -> Reason:
    slots = sum(worker.slots for worker in workers)
    told = [_at(worker, facts.now_s) for worker in workers[:_TOLD] if worker.running]
    with_what = f": {'; '.join(told)}" if told else ""
    return Reason(
        code="busy",
        text=f"{'the slot' if slots == 1 else f'all {slots} slots'} of {_that_fit(len(workers))} "
        f"{'is' if slots == 1 else 'are'} at work{with_what}",
        remedy="wait, or start another worker that fits",
        details={"slots": slots, "workers": [worker.node for worker in workers]},
    )


def _that_fit(workers: int) -> str:
    return "the only worker that fits" if workers == 1 else f"the {workers} workers that fit"


def _at(worker: Worker, now_s: float) -> str:
    return f"{worker.node} with {', '.join(running_in_words(running, now_s) for running in worker.running[:2])}"


def running_in_words(running: Running, now_s: float) -> str:
    """`defects@1 of job-7 for 12 s`; without the job's name where it is not to be told."""
    lasts = f" for {duration(now_s - running.claimed_s)}" if running.claimed_s is not None else ""
    whose = f" of {running.job}" if running.job else ""
    return f"{running.model or 'a task'}{whose}{lasts}"


def _behind(queue: QueueFacts, serving: Sequence[Worker], facts: Facts, task: TaskFacts | None) -> list[Reason]:
    ahead = queue.tasks if task is None or task.ahead is None else task.ahead
    if ahead == 0:
        return []
    images = queue.images_before(ahead)
    rate, measured = images_per_s(serving, facts)
    wait_s = images / rate if rate else None
    about = f", about {duration(wait_s)} at {rate:.3g} images/s ({measured})" if wait_s is not None else ""
    return [
        Reason(
            code="behind",
            text=f"behind {count(images, 'image')} in {count(ahead, 'task')} on {queue.name}{about}",
            details={"tasks": ahead, "images": images, "wait_s": wait_s, "images_per_s": rate, "rate": measured},
        )
    ]


def images_per_s(serving: Sequence[Worker], facts: Facts) -> tuple[float | None, str]:
    """Of all workers that serve the queue, and how that is known; None when nobody has measured it."""
    lately = sum(sum(worker.vitals.images_per_s.values()) for worker in serving if worker.vitals is not None)
    if lately > 0:
        return lately, "in the last minute"
    measured = facts.model.throughput.images_per_s if facts.model is not None else {}
    default = str(facts.model.throughput.default_batch) if facts.model is not None else ""
    of_one_slot = measured.get(default) or max(measured.values(), default=0.0)
    slots = sum(worker.slots for worker in serving)
    return (of_one_slot * slots, "by the model's profile") if of_one_slot > 0 else (None, "")


# Nobody can


def _nobody(needs: Requirement, facts: Facts) -> list[Reason]:
    if not facts.workers:
        return [_no_worker(needs, facts)]
    able = [worker for worker in facts.workers if satisfies(worker.advert.capability, needs)]
    if able:
        return _unwilling(needs, able)
    right_cpu = [worker for worker in facts.workers if cpu_satisfies(worker.advert.capability, needs)]
    return [_memory_short(needs, right_cpu, facts) if right_cpu else _cpu_lacking(needs, facts)]


def _no_worker(needs: Requirement, facts: Facts) -> Reason:
    last = max(facts.gone, key=lambda past: past.last_seen_s, default=None)
    when = f"; the last one, {last.advert.node}, {_went(last, facts.now_s)}" if last is not None else ""
    return Reason(code="no_worker", text=f"no worker is alive{when}", remedy=f"{START} with {needs_in_words(needs)}")


def _unwilling(needs: Requirement, able: Sequence[Worker]) -> list[Reason]:
    queue = queue_name(needs)
    withdrawn = [worker for worker in able if queue in worker.advert.withdrawn]
    draining = [worker for worker in able if worker not in withdrawn]
    reasons = []
    if withdrawn:
        first = withdrawn[0]
        reasons.append(
            Reason(
                code="withdrawn",
                text=f"{names([worker.node for worker in withdrawn])} would fit, but has withdrawn from {queue}: "
                f"{first.advert.withdrawn[queue]}",
                remedy="name the CPU level that the model needs in its model.toml, and start a worker that has it; "
                "a worker that is started again tries once more",
                details={"workers": [worker.node for worker in withdrawn]},
            )
        )
    if draining:
        nodes = [worker.node for worker in draining]
        reasons.append(
            Reason(
                code="draining",
                text=f"{_fit(draining)}, but {'is' if len(nodes) == 1 else 'are'} draining: nothing new is taken",
                remedy=f"`vedette drain {nodes[0]} --undo`, or start another worker that fits",
                details={"workers": nodes},
            )
        )
    return reasons


def _memory_short(needs: Requirement, right_cpu: Sequence[Worker], facts: Facts) -> Reason:
    largest = max(right_cpu, key=lambda worker: worker.advert.capability.memory_per_slot_bytes)
    has_bytes = largest.advert.capability.memory_per_slot_bytes
    which = "the largest worker" if len(right_cpu) == len(facts.workers) else "the largest worker with the right CPU"
    needed = tier_in_words(needs.memory_bytes)
    return Reason(
        code="memory_short",
        text=f"needs {needed} a slot, {which} has {format_bytes(has_bytes)} ({largest.node})",
        remedy=f"start a worker with {needs_in_words(needs)}; fewer, larger slots (--slots) of a worker may do",
        details={"needs_bytes": needs.memory_bytes, "largest_bytes": has_bytes, "worker": largest.node},
    )


def _cpu_lacking(needs: Requirement, facts: Facts) -> Reason:
    fewest = min((_cpu_lacks(worker.advert.capability, needs) for worker in facts.workers), key=len)
    return Reason(
        code="cpu_lacking",
        text=f"needs {' and '.join(fewest)}, which {_none_of(len(facts.workers))}",
        remedy=f"start a worker with {needs_in_words(needs)}",
        details={"lacking": fewest},
    )


def _none_of(workers: int) -> str:
    return "the only worker lacks" if workers == 1 else f"none of the {workers} workers has"


def _cpu_lacks(has: Capability, needs: Requirement) -> list[str]:
    return shortfalls(has.model_copy(update={"memory_per_slot_bytes": needs.memory_bytes}), needs)


def _gone(gone: Sequence[Gone], needs: Requirement, now_s: float) -> list[Reason]:
    if not gone:
        return []
    latest = max(gone, key=lambda past: past.last_seen_s)
    more = len(gone) - 1
    others = f"; {count(more, 'other')} that could {'is' if more == 1 else 'are'} gone, too" if more else ""
    return [
        Reason(
            code="workers_gone",
            text=f"{latest.advert.node}, which could, {_went(latest, now_s)}{others}",
            remedy=f"start it again, or another one with {needs_in_words(needs)}"
            + ("" if latest.left else "; its log and `dmesg` may tell why it went"),
            details={
                "workers": [
                    {"node": past.advert.node, "last_seen_s": now_s - past.last_seen_s, "left": past.left}
                    for past in gone
                ]
            },
        )
    ]


def _went(past: Gone, now_s: float) -> str:
    ago = duration(now_s - past.last_seen_s)
    return f"left {ago} ago" if past.left else f"was last seen {ago} ago, and did not take its leave"
