"""Ends attempts in the ledger and rings for what is put back: the one place that acts on an `Outcome`.

Used by the slot for its own attempt and by the reconciler for those of slots that are gone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from celery import Celery
from celery.utils.log import get_logger

from contract.doorbell import ring
from contract.ledger import Attempt, Ledger
from contract.ledger.ledger import Closed
from contract.ledger.records import Verdict
from contract.messages import DetectMessage, Failure, FailureCode, ImageRef, ImageResult
from workers.outcome import Outcome

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


def failed_result(image: ImageRef, failure: Failure, *, model: str, worker: str | None, attempt: int) -> ImageResult:
    return ImageResult(image=image.name, model=model, failure=failure, worker=worker, attempts=attempt)


def close_failed(
    app: Celery,
    ledger: Ledger,
    *,
    message: DetectMessage,
    queue: str,
    worker: str,
    attempt: int,
    verdict: Verdict,
    detail: str,
    then: Outcome,
    left: Sequence[ImageRef],
) -> Closed:
    """Closes an attempt that failed with `verdict`; fails `left` or puts it back, as `then` says, and rings."""
    logger.warning("task %s attempt %d: %s (%s: %s)", message.task, attempt, then.text, verdict, detail)
    if then.step == "dead":
        failure = Failure(code=_CODES[verdict], message=f"{detail}; {then.text}")
        results = [
            (image.index, failed_result(image, failure, model=message.model, worker=worker, attempt=attempt))
            for image in left
        ]
        ledger.record(message.job, message.task, attempt, results)
    record = Attempt(
        attempt=attempt,
        worker=worker,
        batch_size=message.batch_size,
        verdict=verdict,
        detail=detail,
        outcome=then.text,
        ended=datetime.now(UTC),
    )
    closed = ledger.close(message.job, message.task, record, queue, then.batch_size)
    if closed == "queued":
        ring(app, message.model_copy(update={"batch_size": then.batch_size}), queue, retries=attempt)
    return closed
