"""What there is to do now, by queue and by model, and who is at it: one survey for an operator's eyes.

It costs Redis a few milliseconds and five round trips, however many workers, queues and tasks there are: of what
waits, about `SAMPLE` tasks are looked at in all, spread over the whole of each queue; of what runs, `RUNNING_MAX`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from contract import keys
from contract.ledger.base import LedgerBase
from contract.queues import is_queue

#: Waiting tasks that are looked at, shared out over the queues on which something waits.
SAMPLE: Final = 1000
#: Running tasks that are looked at.
RUNNING_MAX: Final = 4000
#: Places of a long queue that are looked at: its jobs stand behind each other, so its head tells little of its tail.
_PLACES: Final = 5

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Work:
    """What waits and what runs, of a queue or of a model. Estimated where there are more tasks than are looked at."""

    tasks_waiting: int = 0
    images_waiting: int = 0
    tasks_running: int = 0
    #: Images of running tasks that have no result yet.
    images_running: int = 0


@dataclass(frozen=True)
class Backlog:
    """At one moment."""

    #: Every queue in use, by name.
    queues: Mapping[str, Work]
    #: Every model that has work, by `name@version`.
    models: Mapping[str, Work]
    #: What these have on each queue: after a memory failure, images stand on another one than the model's.
    parts: Mapping[tuple[str, str], Work]
    #: Seconds since the bell of the task that has waited longest was rung, of queues on which something waits.
    oldest_s: Mapping[str, float]
    #: Slots at work, by their worker's node name; None when more tasks run than were looked at.
    slots_busy: Mapping[str, int] | None
    #: Whether counts of images, and what is of which model, come from a sample.
    estimated: bool
    #: Redis' clock, seconds since the epoch.
    now_s: float


@dataclass(frozen=True)
class Seen:
    """A task that was looked at, and how many it stands for."""

    queue: str
    job: str
    images: int
    stands_for: float = 1.0
    #: None for one that waits.
    worker: str | None = None
    #: The task that a slot claimed first, of those that it runs together.
    run: str = ""


class Backlogs(LedgerBase):
    def backlog(self) -> Backlog:
        """What waits on every queue in use and what runs, now."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.time().zrange(keys.QUEUES, 0, -1).zcard(keys.LEASES).zrange(keys.LEASES, 0, RUNNING_MAX - 1)
            (seconds, microseconds), in_use, running_count, running = pipe.execute()
            now_s = int(seconds) + int(microseconds) / 1e6
            queues = [*filter(is_queue, in_use)]  # those of a newer Vedette are its own business
            depths, oldest_s = _depths(pipe, queues, now_s)
            waiting = _sample(pipe, depths)
            seen = _look(pipe, waiting, depths, running, running_count)
            model_of = _models(pipe, sorted({task.job for task in seen}))
        known = [task for task in seen if task.job in model_of]
        all_seen = running_count <= len(running)
        by_queue = work_by((task.queue, task) for task in seen)
        return Backlog(
            queues={queue: by_queue.get(queue, Work()) for queue in queues},
            models=work_by((model_of[task.job], task) for task in known),
            parts=work_by(((task.queue, model_of[task.job]), task) for task in known),
            oldest_s=oldest_s,
            slots_busy=_slots_busy(seen) if all_seen else None,
            estimated=not all_seen or len(waiting) < sum(depths.values()),
            now_s=now_s,
        )


def places(depth: int, sample: int) -> list[tuple[int, int]]:
    """(first, last) ranks of what is looked at in a queue of `depth` tasks: all, or about `sample` in five places.

    depth 8, sample 10: 0–7. depth 1000, sample 10: 0–1, 249–250, 499–500, 748–749, 998–999.
    """
    if depth <= sample:
        return [(0, depth - 1)] if depth else []
    size = max(1, sample // _PLACES)
    starts = [round(number * (depth - size) / (_PLACES - 1)) for number in range(_PLACES)]
    return [(start, start + size - 1) for start in starts]


def work_by(named: Iterable[tuple[Name, Seen]]) -> dict[Name, Work]:
    """What the tasks of each name come to, with those that they stand for."""
    sums: defaultdict[Name, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, task in named:
        kind = "waiting" if task.worker is None else "running"
        sums[name][f"tasks_{kind}"] += task.stands_for
        sums[name][f"images_{kind}"] += task.stands_for * task.images
    return {name: Work(**{field: round(value) for field, value in counts.items()}) for name, counts in sums.items()}


def _depths(pipe: Any, queues: Sequence[str], now_s: float) -> tuple[dict[str, int], dict[str, float]]:
    """Tasks that wait on each queue, and for how long the oldest of them has."""
    for queue in queues:
        pipe.zcard(keys.bells(queue))
        pipe.zrange(keys.bells(queue), 0, 0, withscores=True)
    answers = pipe.execute()
    oldest = {queue: first[0][1] for queue, first in zip(queues, answers[1::2], strict=True) if first}
    ages_s = {queue: max(0.0, now_s - rung_ms / 1000) for queue, rung_ms in oldest.items()}
    return dict(zip(queues, answers[::2], strict=True)), ages_s


def _sample(pipe: Any, depths: Mapping[str, int]) -> list[tuple[str, str]]:
    """(queue, task) of what is looked at."""
    filled = [queue for queue, depth in depths.items() if depth]
    looks = [
        (queue, first, last)
        for queue in filled
        for first, last in places(depths[queue], max(_PLACES, SAMPLE // len(filled)))
    ]
    for queue, first, last in looks:
        pipe.zrange(keys.bells(queue), first, last)
    answers = pipe.execute()
    # A queue moves while it is looked at: the same task may stand in two places.
    return [*dict.fromkeys((look[0], task) for look, tasks in zip(looks, answers, strict=True) for task in tasks)]


def _look(
    pipe: Any, waiting: Sequence[tuple[str, str]], depths: Mapping[str, int], running: Sequence[str], running_count: int
) -> list[Seen]:
    for _, task in waiting:
        pipe.hget(keys.task(task), "job").hlen(keys.task_images(task))
    for task in running:
        pipe.hmget(keys.task(task), "queue", "job", "worker", "together_with").hlen(keys.task_images(task))
    answers = pipe.execute()
    pairs = [*zip(answers[::2], answers[1::2], strict=True)]
    looked_at = Counter(queue for queue, _ in waiting)
    seen = [
        Seen(queue, job, images, depths[queue] / looked_at[queue])
        for (queue, _), (job, images) in zip(waiting, pairs, strict=False)
        if job is not None  # its lifetime is over
    ]
    stands_for = max(1.0, running_count / max(1, len(running)))
    for task, ((queue, job, worker, first), images) in zip(running, pairs[len(waiting) :], strict=True):
        if queue is not None and job is not None:
            seen.append(Seen(queue, job, images, stands_for, worker or "", first or task))
    return seen


def _slots_busy(seen: Iterable[Seen]) -> Counter[str]:
    return Counter(worker for worker, _ in {(task.worker, task.run) for task in seen} if worker is not None)


def _models(pipe: Any, jobs: Sequence[str]) -> dict[str, str]:
    """The model of each job that is known still."""
    for job in jobs:
        pipe.hget(keys.job(job), "options")
    texts = pipe.execute()
    return {job: json.loads(text)["model"] for job, text in zip(jobs, texts, strict=True) if text is not None}
