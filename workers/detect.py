"""The detect task: the order of steps, each of which stands elsewhere.

read the doorbell → claim in the ledger → run the attempt → close it, and ring again for what is put back
"""

from datetime import UTC, datetime
from typing import Any

import redis
from celery import Task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger

from contract.errors import MessageError
from contract.ledger import Attempt, Claim
from contract.messages import DETECT_TASK, DetectMessage, read_message
from workers.celery_app import app
from workers.closing import close_failed
from workers.lease import LeaseKeeper, LeaseLost
from workers.outcome import outcome
from workers.patience import patiently
from workers.slot import Slot, this_slot
from workers.verdict import describe_error, verdict_of

logger = get_task_logger(__name__)


@app.task(name=DETECT_TASK, bind=True, typing=False)  # type: ignore[untyped-decorator]
def detect(self: Task, *args: Any, **fields: Any) -> dict[str, Any]:
    """Answers one doorbell. What it returns is for Flower; the results are in the ledger."""
    slot = this_slot()
    try:
        message = _read(args, fields)
    except MessageError as error:
        _count(slot, self.request.id, error)
        raise Reject(str(error), requeue=False) from None
    worker = self.request.hostname
    claim = patiently(lambda: slot.ledger.claim(message.job, message.task, worker))
    if not isinstance(claim, Claim):
        return {"answer": claim}  # a late or doubled doorbell: nothing to do
    return _work(self, slot, message, claim, worker)


def _count(slot: Slot, task_id: str, error: MessageError) -> None:
    count = patiently(lambda: slot.registry.count_reject(error.code))
    logger.error("doorbell %s refused (%s, %d so far): %s", task_id, error.code, count, error)


def _read(args: tuple[Any, ...], fields: dict[str, Any]) -> DetectMessage:
    if args:
        raise MessageError(f"DetectMessage is malformed: takes keyword arguments only (got {args!r:.80})")
    return read_message(DetectMessage, fields)


def _work(task: Task, slot: Slot, message: DetectMessage, claim: Claim, worker: str) -> dict[str, Any]:
    from workers.attempt import AttemptFailed, AttemptRun  # OpenCV, TensorFlow: only where work is done

    with LeaseKeeper(slot.ledger, claim, slot.settings) as lease:
        attempt = AttemptRun(slot, claim, lease, worker)
        try:
            attempt.run()
        except LeaseLost as lost:
            logger.warning("task %s attempt %d stops: %s", claim.task, claim.attempt, lost.standing)
            return {"answer": lost.standing, "succeeded": attempt.succeeded, "failed": attempt.failed}
        except AttemptFailed as failed:
            return _put_back(task, slot, message, claim, worker, failed)
        except redis.RedisError:
            raise  # nothing can be said to the ledger; the lease will
        except Exception as error:  # Celery stops the whole worker for a MemoryError that leaves a task
            logger.exception("task %s attempt %d failed in an unforeseen way", claim.task, claim.attempt)
            surprise = AttemptFailed(verdict_of(error), describe_error(error), claim.batch_size)
            return _put_back(task, slot, message, claim, worker, surprise)
    patiently(lambda: _close_done(slot, claim, worker))
    return {"answer": "done", "succeeded": attempt.succeeded, "failed": attempt.failed}


def _close_done(slot: Slot, claim: Claim, worker: str) -> None:
    record = Attempt(attempt=claim.attempt, worker=worker, batch_size=claim.batch_size, ended=datetime.now(UTC))
    slot.ledger.close(claim.job, claim.task, record, claim.queue, claim.batch_size)


def _put_back(task: Task, slot: Slot, message: DetectMessage, claim: Claim, worker: str, failed: Any) -> dict[str, Any]:
    then = outcome(
        failed.verdict,
        attempt=claim.attempt,
        attempts_max=slot.settings.attempts_max,
        batch_size=failed.batch_size,
    )
    closed = patiently(
        lambda: close_failed(
            task.app,
            slot.ledger,
            message=message.model_copy(update={"batch_size": claim.batch_size}),
            queue=claim.queue,
            worker=worker,
            attempt=claim.attempt,
            verdict=failed.verdict,
            detail=failed.detail,
            then=then,
            left=slot.ledger.images_left(claim.task),
        )
    )
    if closed != "queued":
        return {"answer": then.step, "verdict": failed.verdict, "detail": failed.detail}
    task.send_event("task-retried", exception=f"{then.text} ({failed.verdict}: {failed.detail})", traceback="")
    raise Ignore
