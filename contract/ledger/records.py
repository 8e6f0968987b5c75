"""What the ledger gives back: plain values, no Redis."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from contract.messages import Failure, ImageRef, ImageResult, JobOptions

JobState = Literal["open", "done", "cancelled", "stopped"]
TaskState = Literal["queued", "running", "done", "cancelled"]
Verdict = Literal["memory", "cpu", "crash", "lost", "timeout", "model", "image"]


def _is_none(value: object) -> bool:
    return value is None


class WebhookStatus(BaseModel):
    """Whether a job's webhook has been told of its end."""

    model_config = ConfigDict(frozen=True)

    #: Without its query, which may be a password.
    url: str
    #: waiting: the job is open; due: it is being told; unattended: it is due, and no gateway lives that delivers.
    state: Literal["waiting", "due", "unattended", "delivered", "given_up"]
    attempts: int = 0
    #: Why the latest attempt that failed did.
    last_error: str | None = None


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
    #: None: nobody is to be told when it ends.
    webhook: WebhookStatus | None = None

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
    #: Whether other tasks waited on its queue at that moment.
    others_wait: bool = field(default=False, compare=False)


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
    # Later than version 1: left out where there is nothing to say, so that what is written stays what it was.
    #: From claim to close by Redis' clock, which `close` notes. None of an older Vedette.
    seconds: float | None = Field(default=None, exclude_if=_is_none)
    #: Most anonymous bytes of its slot that were seen during the attempt; None where nobody could look.
    peak_bytes: int | None = Field(default=None, exclude_if=_is_none)


@dataclass(frozen=True)
class NewTask:
    """A task that an attempt splits off: images that go to another queue."""

    task: str
    queue: str
    batch_size: int
    images: tuple[ImageRef, ...]


@dataclass(frozen=True)
class PutBack:
    """How what is left of a task is queued again."""

    queue: str
    batch_size: int
    #: Images that stay in the task, but not as they were.
    changed: tuple[ImageRef, ...] = ()
    #: Images that leave the task.
    moved: NewTask | None = None


@dataclass(frozen=True)
class ResultPage:
    """Some of a job's results, in the order of completion, and where to go on reading."""

    #: (index, result). May be fewer than asked for: a failure that was taken back leaves its place empty.
    results: tuple[tuple[int, ImageResult], ...]
    cursor: int


@dataclass(frozen=True)
class DeadLetter:
    """An image that failed for another reason than its file. It can be put back, or forgotten."""

    index: int
    #: The task that gave up on it, whose history tells why.
    task: str
    #: As it was in that task, with what the attempts had come to: batch cap, shrink, deaths.
    image: ImageRef
    result: ImageResult

    @property
    def failure(self) -> Failure:
        assert self.result.failure is not None, "a dead letter's result is a failure"
        return self.result.failure


@dataclass(frozen=True)
class TaskRecord:
    """A task as whoever closes its attempt sees it."""

    job: str
    task: str
    state: TaskState
    queue: str
    batch_size: int
    attempt: int
    worker: str | None
    options: JobOptions

    @property
    def model(self) -> str:
        return self.options.model


def from_ms(epoch_ms: str | None) -> datetime | None:
    return None if epoch_ms is None else datetime.fromtimestamp(int(epoch_ms) / 1000, tz=UTC)


@dataclass(frozen=True)
class Sealed:
    """What `Ledger.seal_job` found."""

    #: Images that the job has.
    images: int
    #: Replicas that have it too; 0 when none were asked for.
    replicas: int


@dataclass(frozen=True)
class QueueDepth:
    """What waits on a queue."""

    tasks: int
    #: Estimated from some tasks where there are many.
    images: int
    #: Since the bell of the task that has waited longest was rung; None when none waits.
    oldest_s: float | None
