"""What the ledger gives back: plain values, no Redis."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contract.messages import ImageRef, JobOptions

JobState = Literal["open", "done", "cancelled"]
TaskState = Literal["queued", "running", "done", "cancelled"]
Verdict = Literal["memory", "cpu", "crash", "lost", "timeout", "model", "image"]


class JobStatus(BaseModel):
    """Where a job stands. `succeeded + failed` images of `total` have their result; times are UTC."""

    model_config = ConfigDict(frozen=True)

    job: str
    state: JobState
    #: False while the producer still adds images: `total` may grow.
    sealed: bool
    model: str
    queue: str
    total: int
    succeeded: int
    failed: int
    created: datetime
    finished: datetime | None = None

    @property
    def done(self) -> int:
        """Images that have their result."""
        return self.succeeded + self.failed

    @property
    def ended(self) -> bool:
        """No more results will come."""
        return self.state != "open"


@dataclass(frozen=True)
class Claim:
    """What a slot was handed: the images of one task that have no result yet, and the attempt's fencing number."""

    job: str
    task: str
    #: 1 for the first claim of the task. Every later call about this attempt shows it.
    attempt: int
    queue: str
    batch_size: int
    options: JobOptions
    images: tuple[ImageRef, ...]


class Attempt(BaseModel):
    """One closed attempt, as the task's history keeps it."""

    model_config = ConfigDict(frozen=True)

    attempt: int
    worker: str
    batch_size: int
    #: None when every image got its result; else why the attempt failed.
    verdict: Verdict | None = None
    #: For people: `SIGKILL, 1.9 of 2.0 GiB`.
    detail: str = ""
    #: What was put back: `batch 16 → 8`.
    outcome: str = "done"
    ended: datetime


@dataclass(frozen=True)
class TaskRecord:
    """A task as the reconciler sees it."""

    job: str
    task: str
    state: TaskState
    queue: str
    batch_size: int
    attempt: int
    worker: str | None
    model: str


def from_ms(epoch_ms: str | None) -> datetime | None:
    return None if epoch_ms is None else datetime.fromtimestamp(int(epoch_ms) / 1000, tz=UTC)
