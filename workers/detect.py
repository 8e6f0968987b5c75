"""The detect task: the order of steps, each of which stands elsewhere.

read the doorbell → claim in the ledger, and what may go along → run the attempt → close it, and ring again for what is
put back
"""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import redis
from celery import Task
from celery.exceptions import Ignore
from celery.utils.log import get_logger

from contract import tracing
from contract.errors import MessageError
from contract.ledger import Claim
from contract.logs import tell
from contract.messages import DETECT_TASK, DetectMessage, read_message
from workers.celery_app import app
from workers.closing import Settled
from workers.ends import about, end_each, tell_begun
from workers.findings import findings
from workers.ladder import Mishap
from workers.lease import LeaseKeeper, LeaseLost
from workers.patience import patiently
from workers.slot import Slot, this_slot
from workers.together import Claims
from workers.verdict import describe_error, verdict_of

if TYPE_CHECKING:
    from workers.attempt import AttemptRun

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
    claims = Claims(claim, _companions(slot, claim, hostname))
    tracing.note(**about(claim, hostname), images=len(claim.images), companions=len(claims.companions) or None)
    return _work(self, slot, claims, hostname)


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


def _companions(slot: Slot, first: Claim, worker: str) -> Sequence[Claim]:
    """Small tasks to share the batch. None where the first attempt is the last: what fails together is tried again."""
    if slot.settings.attempts_max == 1:
        return ()
    slots = findings().capability.slots
    return patiently(lambda: slot.office.ledger.claim_together(first, worker, slots))


def _work(task: Task, slot: Slot, claims: Claims, worker: str) -> Summary:
    from workers.attempt import AttemptRun  # OpenCV, TensorFlow: only where work is done.

    for claim in claims.all:
        tell_begun(claim, worker)
    begun_s = time.monotonic()
    with LeaseKeeper(slot.lease_ledger, claims.all, slot.settings) as lease:
        run = AttemptRun(slot, claims, lease, worker)
        how = _run(run)
        if isinstance(how, Mishap):
            tracing.note(how.detail, verdict=how.verdict)
        ends = end_each(slot, claims, lease, run.tally, worker, how, time.monotonic() - begun_s)
    # Celery asked for the first only; the others' own doorbells are answered `together`.
    end = ends[claims.first.task]
    if isinstance(end, Settled):
        return _settled(task, end)
    succeeded, failed = run.tally.of(claims.first)
    tracing.note(answer=end, succeeded=succeeded, failed=failed)
    return {"answer": end, "succeeded": succeeded, "failed": failed, **_company(claims)}


def _run(run: "AttemptRun") -> Mishap | str | None:
    """How it ended: in a mishap, with a reason to hand back what is left, or, None, with nothing that is left to do."""
    from workers.attempt import AttemptFailed, ModelAway, WorkerLeaves

    first = run.claims.first
    try:
        run.run()
    except LeaseLost:
        return None
    except WorkerLeaves:
        return "the worker is leaving"
    except ModelAway as away:
        if first.attempt < run.slot.settings.attempts_max:
            return str(away)
        return Mishap("model", str(away), stage="load")
    except AttemptFailed as failed:
        return failed.mishap
    except redis.RedisError:
        raise  # nothing can be said to the ledger; the lease will
    except Exception as error:  # Celery stops the whole worker for a MemoryError that leaves a task
        logger.exception("task %s attempt %d failed in an unforeseen way", first.task, first.attempt)
        return Mishap(verdict_of(error), describe_error(error))
    return None


def _settled(task: Task, settled: Settled) -> Summary:
    tracing.note(step=settled.then.step)
    if not settled.put_back:
        return {"answer": settled.then.step, "why": settled.text}
    task.send_event("task-retried", exception=settled.text, traceback="")
    raise Ignore


def _company(claims: Claims) -> Summary:
    return {"tasks_together": len(claims.all)} if claims.shared else {}
