"""Ends failed attempts in the ledger and rings for what is put back: the one place that acts on the ladder's outcome.

Used by a slot for its own attempt, by the undertaker for those of slots that died beside it, and by the reconciler for
those of machines that are gone.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import redis
from celery import Celery
from celery.utils.log import get_logger

from contract.capability import Capability, worker_class
from contract.doorbell import ring
from contract.errors import ModelUnknown
from contract.ledger import Attempt, Ledger, NewTask, PutBack, TaskRecord
from contract.ledger.attempts import Closed
from contract.ledger.records import Verdict
from contract.logs import Event, tell
from contract.messages import DetectMessage, Failure, FailureCode, ImageRef, ImageResult
from contract.registry import Registry
from contract.routing import next_tier
from contract.settings import Settings
from workers.ladder import Circumstances, Mishap, Outcome, Step, changed, outcome
from workers.memory.learned import LearnedSizes

logger = get_logger(__name__)

_CODES: Final[dict[Verdict, FailureCode]] = {
    "memory": "memory",
    "cpu": "cpu",
    "crash": "crash",
    "lost": "lost",
    "timeout": "timeout",
    "model": "model_failed",
    "image": "image_unreadable",
}


_EVENTS: Final[dict[Step, Event]] = {
    "again": "put_back",
    "smaller": "shrunk",
    "bigger": "moved",
    "coarser": "coarsened",
    "dead": "dead",
}


@dataclass(frozen=True)
class Office:
    """What it takes to close an attempt. Each process has its own."""

    app: Celery
    ledger: Ledger
    registry: Registry
    learned: LearnedSizes
    settings: Settings
    #: Class of the workers that learn with this one.
    worker_class: str


def office(app: Celery, client: redis.Redis, settings: Settings, capability: Capability) -> Office:
    return Office(
        app,
        Ledger(client, settings),
        Registry(client, settings),
        LearnedSizes(client, settings),
        settings,
        worker_class(capability.memory_per_slot_bytes),
    )


@dataclass(frozen=True)
class Settled:
    """What became of a failed attempt."""

    then: Outcome
    closed: Closed
    #: `batch 16 → 8 (memory: SIGKILL by the kernel, 1.9 of 2.0 GiB)`.
    text: str

    @property
    def put_back(self) -> bool:
        return self.closed in ("queued", "done") and self.then.step != "dead"


def failed_result(image: ImageRef, failure: Failure, *, model: str, worker: str | None, attempt: int) -> ImageResult:
    return ImageResult(image=image.name, model=model, failure=failure, worker=worker, attempts=attempt)


def settle(office: Office, task: TaskRecord, mishap: Mishap) -> Settled:
    """Closes attempt `task.attempt`, which failed with `mishap`: fails its images or puts them back, and rings.

    May be repeated when Redis went away in the middle: what was done is refused then, and a bell that was not rung is
    rung by the reconciler. RedisError passes.
    """
    left = office.ledger.images_left(task.task)
    then = outcome(mishap, left, _circumstances(office, task, left))
    why = f"{mishap.verdict}: {mishap.detail}"
    text = f"{then.text} ({why})"
    if mishap.verdict == "memory" and not mishap.victim and mishap.stage == "run":
        office.learned.failed(task.options.digest, office.worker_class, len(mishap.batch))
    moved = _moved(task, then)
    back = PutBack(task.queue, task.batch_size, changed=() if moved else changed(then), moved=moved)
    closed = _close(office.ledger, task, mishap, then, back)
    if closed == "queued":
        shown = min(task.batch_size, then.batch_cap or task.batch_size)
        stays = len(left) - (len(then.offenders) if moved is not None or then.step == "dead" else 0)
        _ring(office.app, task, _Bell(task.task, task.queue, shown, stays, why))
    if moved is not None and closed in ("queued", "done"):
        _ring(office.app, task, _Bell(moved.task, moved.queue, moved.batch_size, len(moved.images), why))
    _tell_settled(task, mishap, then, closed, text, len(left))
    return Settled(then, closed, text)


def hand_back(office: Office, task: TaskRecord, why: str) -> Closed:
    """Closes an attempt that could have gone on, and rings for what is left of it: the worker is leaving."""
    closed = office.ledger.close(
        task.job, task.task, _history(task, None, f"handed back: {why}"), PutBack(task.queue, task.batch_size)
    )
    if closed == "queued":
        _ring(office.app, task, _Bell(task.task, task.queue, task.batch_size, None, f"it was handed back: {why}"))
    text = "task %s attempt %d handed back: %s"
    tell(
        logger, logging.INFO, "handed_back", text, task.task, task.attempt, why, why=why, closed=closed, **_about(task)
    )
    return closed


def _about(task: TaskRecord) -> dict[str, Any]:
    of_job = {"job": task.job, "task": task.task, "attempt": task.attempt, "model": task.options.model}
    return {**of_job, "queue": task.queue, "worker": task.worker}


def _tell_settled(task: TaskRecord, mishap: Mishap, then: Outcome, closed: Closed, text: str, left: int) -> None:
    tell(
        logger,
        logging.WARNING,
        _EVENTS[then.step],
        "task %s attempt %d: %s",
        *(task.task, task.attempt, text),
        **_about(task),
        verdict=mishap.verdict,
        detail=mishap.detail,
        batch_size=len(mishap.batch) or task.batch_size,
        images=left,
        offenders=len(then.offenders),
        next_batch_size=then.batch_cap,
        next_queue=then.queue,
        closed=closed,
    )


def _circumstances(office: Office, task: TaskRecord, left: Sequence[ImageRef]) -> Circumstances:
    largest = max((min(task.batch_size, image.batch_cap or task.batch_size) for image in left), default=1)
    return Circumstances(
        attempt=task.attempt,
        attempts_max=office.settings.attempts_max,
        batch_size=largest,
        bigger_queue=next_tier(task.queue, office.registry.adverts()),
        may_coarsen=task.options.allow_degraded and not _resizes_inside(office.registry, task.options.model),
    )


def _resizes_inside(registry: Registry, model: str) -> bool:
    """A model that brings every image to one size has the same appetite for a coarser one."""
    try:
        return registry.model(model).signature.resizes_to_px > 0
    except ModelUnknown:  # no worker has had it for a month
        return False


def _close(ledger: Ledger, task: TaskRecord, mishap: Mishap, then: Outcome, back: PutBack) -> Closed:
    """In the step that fails the last images of the task, if it comes to that: who sees the end sees what led to it."""
    attempt = _history(task, mishap, then.text)
    if then.step == "dead":
        failures = _failures(task, mishap, then)
        if ledger.record_last(task.job, task.task, attempt, failures, mishap.killed_by) == "closed":
            return "done"
    return ledger.close(task.job, task.task, attempt, back, mishap.killed_by)


def _failures(task: TaskRecord, mishap: Mishap, then: Outcome) -> list[tuple[int, ImageResult]]:
    failure = Failure(code=_CODES[mishap.verdict], message=f"{mishap.detail}; {then.text}")
    return [
        (image.index, failed_result(image, failure, model=task.options.model, worker=task.worker, attempt=task.attempt))
        for image in then.offenders
    ]


def _moved(task: TaskRecord, then: Outcome) -> NewTask | None:
    """The offenders as a task of their own, when they go to another queue. Its id follows from the attempt's: asked
    twice, it is the same task."""
    if then.step != "bigger" or then.queue is None:
        return None
    task_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{task.task}/{task.attempt}"))
    return NewTask(task_id, then.queue, task.batch_size, changed(then))


def _history(task: TaskRecord, mishap: Mishap | None, what_followed: str) -> Attempt:
    return Attempt(
        attempt=task.attempt,
        worker=task.worker or "unknown",
        batch_size=(len(mishap.batch) if mishap is not None else 0) or task.batch_size,
        verdict=mishap.verdict if mishap is not None else None,
        detail=mishap.detail if mishap is not None else "",
        outcome=what_followed,
        ended=datetime.now(UTC),
        peak_bytes=mishap.peak_bytes if mishap is not None else None,
    )


@dataclass(frozen=True)
class _Bell:
    """What is rung for: the task of the failed attempt, or the one that its offenders moved to."""

    task: str
    queue: str
    batch_size: int
    #: None: not known.
    images: int | None
    why: str


def _ring(app: Celery, task: TaskRecord, bell: _Bell) -> None:
    message = DetectMessage(job=task.job, task=bell.task, model=task.options.model, batch_size=bell.batch_size)
    attempts = task.attempt if bell.task == task.task else 0
    ring(app, message, bell.queue, attempts, images=bell.images, after=bell.why)
