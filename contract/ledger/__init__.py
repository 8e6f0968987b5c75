"""The ledger: the truth about jobs, tasks, attempts and results, in Redis.

A Celery message is only a doorbell. What is to be done, who does it now and what came of it stand here, and every
change of state is one Lua call (`lua/*.lua`, each headed by the keys it touches), so that a lost, doubled or late
message, a killed process or a cut network can neither lose an image nor count it twice.
"""

from contract.ledger.backlog import Backlog, Work
from contract.ledger.counts import BatchRun, Histogram, ModelCounts
from contract.ledger.ledger import Ledger
from contract.ledger.records import (
    Attempt,
    Claim,
    DeadLetter,
    JobState,
    JobStatus,
    NewTask,
    PutBack,
    QueueDepth,
    ResultPage,
    Sealed,
    TaskRecord,
    WebhookStatus,
)
from contract.ledger.together import Recording
from contract.ledger.webhooks import Notice

__all__ = [
    "Attempt",
    "Backlog",
    "BatchRun",
    "Claim",
    "DeadLetter",
    "Histogram",
    "JobState",
    "JobStatus",
    "Ledger",
    "ModelCounts",
    "NewTask",
    "Notice",
    "PutBack",
    "QueueDepth",
    "Recording",
    "ResultPage",
    "Sealed",
    "TaskRecord",
    "WebhookStatus",
    "Work",
]
