"""The detect task: the order of steps, each of which stands elsewhere.

read the doorbell → claim in the ledger → run the attempt → close it, and ring again for what is put back
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import redis
from celery import Task
from celery.exceptions import Ignore
from celery.utils.log import get_task_logger

from contract.errors import MessageError
from contract.ledger import Attempt, Claim, PutBack, TaskRecord
from contract.messages import DETECT_TASK, DetectMessage, read_message
from workers.celery_app import app
from workers.closing import hand_back, settle
from workers.ladder import Mishap
from workers.lease import LeaseKeeper, LeaseLost
from workers.patience import patiently
from workers.slot import Slot, this_slot
from workers.verdict import describe_error, verdict_of

logger = get_task_logger(__name__)

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
    claim = patiently(lambda: slot.office.ledger.claim(message.job, message.task, self.request.hostname))
    if not isinstance(claim, Claim):
        return {"answer": claim}  # a late or doubled doorbell: nothing to do
    return _work(self, slot, claim, self.request.hostname)


def _count(slot: Slot, task_id: str, error: MessageError) -> None:
    count = patiently(lambda: slot.office.registry.count_reject(error.code))
    logger.error("doorbell %s refused (%s, %d so far): %s", task_id, error.code, count, error)


def _read(args: tuple[Any, ...], fields: dict[str, Any]) -> DetectMessage:
    if args:
        raise MessageError(f"DetectMessage is malformed: takes keyword arguments only (got {args!r:.80})")
    return read_message(DetectMessage, fields)


def _work(task: Task, slot: Slot, claim: Claim, worker: str) -> Summary:
    # OpenCV, TensorFlow: only where work is done.
    from workers.attempt import AttemptFailed, AttemptRun, ModelAway, WorkerLeaves

    with LeaseKeeper(slot.lease_ledger, claim, slot.settings) as lease:
        attempt = AttemptRun(slot, claim, lease, worker)
        try:
            attempt.run()
        except LeaseLost as lost:
            logger.warning("task %s attempt %d stops: %s", claim.task, claim.attempt, lost.standing)
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
    return _summary("done", attempt)


def _hand_back(slot: Slot, claim: Claim, worker: str, attempt: Any, why: str) -> Summary:
    closed = patiently(lambda: hand_back(slot.office, _record_of(claim, worker), why))
    return _summary("done" if closed == "done" else "handed back", attempt)


def _summary(answer: str, attempt: Any) -> Summary:
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
    seen = replace(mishap, peak_bytes=slot.memory.peak_bytes)
    settled = patiently(lambda: settle(slot.office, _record_of(claim, worker), seen))
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
