"""A worker's and a producer's calls of the ledger about one job of one task, for tests of the ledger itself."""

from datetime import UTC, datetime

import redis

from contract.ledger import Attempt, Claim, Ledger, PutBack
from contract.messages import FailureCode
from tests.support.builders import found, image_refs, not_processed, options

JOB = "job-1"
TASK = "task-1"
QUEUE = "detect.any.512m"
BIGGER = "detect.any.1g"


def submit(ledger: Ledger, images: int = 4, *, sealed: bool = True, **fields: object) -> None:
    """JOB with one task of `images` images; `fields` are of its options."""
    ledger.create_job(JOB, options(**fields), QUEUE)
    ledger.add_task(JOB, TASK, QUEUE, 8, image_refs(images))
    if sealed:
        ledger.seal_job(JOB)


def claimed(ledger: Ledger, worker: str = "small@yard", task: str = TASK) -> Claim:
    claim = ledger.claim(JOB, task, worker)
    assert isinstance(claim, Claim), f"refused: {claim}"
    return claim


def record(ledger: Ledger, claim: Claim, *indexes: int) -> str:
    return ledger.record(claim.job, claim.task, claim.attempt, [(index, found(f"{index:05}.jpg")) for index in indexes])


def fail(ledger: Ledger, claim: Claim, *indexes: int, code: FailureCode = "memory") -> str:
    results = [(index, not_processed(f"{index:05}.jpg", code)) for index in indexes]
    return ledger.record(claim.job, claim.task, claim.attempt, results)


def ended(claim: Claim, **fields: object) -> Attempt:
    return Attempt.model_validate(
        {
            "attempt": claim.attempt,
            "worker": "small@yard",
            "batch_size": claim.batch_size,
            "ended": datetime.now(UTC),
            **fields,
        }
    )


def close(ledger: Ledger, claim: Claim, queue: str = QUEUE, batch_size: int = 8) -> str:
    return ledger.close(claim.job, claim.task, ended(claim), PutBack(queue, batch_size))


class TwiceRedis(redis.Redis):  # type: ignore[misc]
    """A network that loses the first answer to every script, so that the client sends it again."""

    def execute_command(self, *args: object, **options: object) -> object:
        if args[0] == "EVALSHA":
            super().execute_command(*args, **options)
        return super().execute_command(*args, **options)
