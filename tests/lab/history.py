"""What the ledger's history tells of a job's failed attempts."""

from contract.ledger import Attempt
from tests.support.jobs import SubmittedJob


def attempts(job: SubmittedJob) -> list[Attempt]:
    """Of all its tasks, each once: one that was split off begins with the history of the other."""
    return [*dict.fromkeys(attempt for task in job.ledger.tasks(job.name) for attempt in job.ledger.history(task))]


def failures(job: SubmittedJob) -> list[Attempt]:
    return [attempt for attempt in attempts(job) if attempt.verdict is not None]


def told(job: SubmittedJob) -> list[str]:
    """`memory: batch 16 → 8` of each failed attempt."""
    return [f"{attempt.verdict}: {attempt.outcome}" for attempt in failures(job)]
