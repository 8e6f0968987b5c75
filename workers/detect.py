"""The detect task: the order of steps, each of which stands elsewhere.

read the doorbell → claim in the ledger → run the attempt → close it, and ring again for what is put back
"""

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import redis
from celery import Task
from celery.exceptions import Ignore
from celery.utils.log import get_logger

from contract import tracing
from contract.errors import MessageError
from contract.ledger import Attempt, Claim, PutBack, TaskRecord
from contract.logs import tell
from contract.messages import DETECT_TASK, DetectMessage, read_message
from workers.celery_app import app
from workers.closing import hand_back, settle
from workers.ladder import Mishap
from workers.lease import LeaseKeeper, LeaseLost
from workers.patience import patiently
from workers.slot import Slot, this_slot
from workers.verdict import describe_error, verdict_of

logger = get_logger(__name__)

Summary = dict[str, Any]


@app.task(  # type: ignore[untyped-decorator]
    name=DETECT_TASK,
    bind=True,
    typing=False,
    Strategy="workers.strategy:doorbells_only",
    Request="workers.request:DoorbellRequest",
)
def detect(self: Task, *args: Any, **fields: Any) -> Summary:
    """Answers one doorbell. What it returns is for Flower; the results are in the ledger."""
    slot = this_slot()
    try:
        message = _read(args, fields)
    except MessageError as error:
        _count(slot, self.request.id, error)
        self.send_event("task-rejected", requeue=False)
        raise Ignore(str(error)) from None
    slot.memory.await_intake()
    hostname = self.request.hostname
    claim = patiently(lambda: slot.office.ledger.claim(message.job, message.task, hostname))
    if not isinstance(claim, Claim):
        of = {"job": message.job, "task": message.task}
        tell(
            logger,
            logging.DEBUG if claim == "together" else logging.INFO,
            "bell_answered",
            "task %s: nothing to do (%s)",
            message.task,
            claim,
            answer=claim,
            **of,
        )
        return {"answer": claim}  # a late or doubled doorbell
    tracing.note(**_about(claim, hostname), images=len(claim.images))
    return _work(self, slot, claim, hostname)


def _count(slot: Slot, task_id: str, error: MessageError) -> None:
    count = patiently(lambda: slot.office.registry.count_reject(error.code))
    text = "doorbell %s refused (%s, %d so far): %s"
    tell(
        logger, logging.ERROR, "message_refused", text, task_id, error.code, count, error, task=task_id, code=error.code
    )


def _read(args: tuple[Any, ...], fields: dict[str, Any]) -> DetectMessage:
    if args:
        raise MessageError(f"DetectMessage is malformed: takes keyword arguments only (got {args!r:.80})")
    return read_message(DetectMessage, fields)


def _work(task: Task, slot: Slot, claim: Claim, worker: str) -> Summary:
    # OpenCV, TensorFlow: only where work is done.
    from workers.attempt import AttemptFailed, AttemptRun, ModelAway, WorkerLeaves

    _tell_begun(claim, worker)
    begun_s = time.monotonic()
    with LeaseKeeper(slot.lease_ledger, [claim], slot.settings) as lease:
        attempt = AttemptRun(slot, claim, lease, worker)
        try:
            attempt.run()
        except LeaseLost as lost:
            text = "task %s attempt %d stops: %s"
            of = _about(claim, worker)
            tell(logger, logging.WARNING, "attempt_stopped", text, claim.task, claim.attempt, lost.standing, **of)
            return _summary(lost.standing, attempt)
        except WorkerLeaves:
            return _hand_back(slot, claim, worker, attempt, "the worker is leaving")
        except ModelAway as away:
            if claim.attempt < slot.settings.attempts_max:
                return _hand_back(slot, claim, worker, attempt, str(away))
            return _put_back(task, slot, claim, worker, Mishap("model", str(away), stage="load"))
        except AttemptFailed as failed:
            return _put_back(task, slot, claim, worker, failed.mishap)
        except redis.RedisError:
            raise  # nothing can be said to the ledger; the lease will
        except Exception as error:  # Celery stops the whole worker for a MemoryError that leaves a task
            logger.exception("task %s attempt %d failed in an unforeseen way", claim.task, claim.attempt)
            return _put_back(task, slot, claim, worker, Mishap(verdict_of(error), describe_error(error)))
    patiently(lambda: _close_done(slot, claim, worker, attempt.peak_bytes or None))
    _tell_done(claim, worker, attempt, time.monotonic() - begun_s)
    return _summary("done", attempt)


def _about(claim: Claim, worker: str) -> dict[str, Any]:
    of_job = {"job": claim.job, "task": claim.task, "attempt": claim.attempt, "model": claim.options.model}
    return {**of_job, "queue": claim.queue, "batch_size": claim.batch_size, "worker": worker}


def _tell_begun(claim: Claim, worker: str) -> None:
    text, images = "task %s attempt %d begins: %d images for %s, batch %d", len(claim.images)
    args = (claim.task, claim.attempt, images, claim.options.model, claim.batch_size)
    tell(logger, logging.INFO, "attempt_begun", text, *args, images=images, **_about(claim, worker))


def _tell_done(claim: Claim, worker: str, attempt: Any, took_s: float) -> None:
    text = "task %s attempt %d done: %d succeeded, %d failed in %.1f s"
    args = (claim.task, claim.attempt, attempt.succeeded, attempt.failed, took_s)
    counts = {"succeeded": attempt.succeeded, "failed": attempt.failed, "took_s": round(took_s, 3)}
    tell(logger, logging.INFO, "attempt_done", text, *args, **counts, **_about(claim, worker))


def _hand_back(slot: Slot, claim: Claim, worker: str, attempt: Any, why: str) -> Summary:
    closed = patiently(lambda: hand_back(slot.office, _record_of(claim, worker), why))
    return _summary("done" if closed == "done" else "handed back", attempt)


def _summary(answer: str, attempt: Any) -> Summary:
    tracing.note(answer=answer, succeeded=attempt.succeeded, failed=attempt.failed)
    return {"answer": answer, "succeeded": attempt.succeeded, "failed": attempt.failed}


def _close_done(slot: Slot, claim: Claim, worker: str, peak_bytes: int | None) -> None:
    record = Attempt(
        attempt=claim.attempt,
        worker=worker,
        batch_size=claim.batch_size,
        ended=datetime.now(UTC),
        peak_bytes=peak_bytes,
    )
    slot.office.ledger.close(claim.job, claim.task, record, PutBack(claim.queue, claim.batch_size))


def _put_back(task: Task, slot: Slot, claim: Claim, worker: str, mishap: Mishap) -> Summary:
    tracing.note(mishap.detail, verdict=mishap.verdict)
    seen = replace(mishap, peak_bytes=slot.memory.peak_bytes)
    settled = patiently(lambda: settle(slot.office, _record_of(claim, worker), seen))
    tracing.note(step=settled.then.step)
    if not settled.put_back:
        return {"answer": settled.then.step, "why": settled.text}
    task.send_event("task-retried", exception=settled.text, traceback="")
    raise Ignore


def _record_of(claim: Claim, worker: str) -> TaskRecord:
    return TaskRecord(
        job=claim.job,
        task=claim.task,
        state="running",
        queue=claim.queue,
        batch_size=claim.batch_size,
        attempt=claim.attempt,
        worker=worker,
        options=claim.options,
    )
