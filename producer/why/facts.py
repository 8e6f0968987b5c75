"""What was read at one moment, before anything is concluded from it. Values, no Redis; times are Redis' own, in seconds
since the epoch, so that they can be compared whatever the clocks of machines say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from contract.capability import Requirement
from contract.ledger import Attempt
from contract.ledger.records import JobState, TaskState
from contract.model_spec import ModelSpec
from contract.queues import is_queue, requirement_of
from contract.registry import Advert
from contract.submit_message import Submission
from contract.vitals import Vitals

Kind = Literal["job", "task", "model"]


@dataclass(frozen=True)
class JobFacts:
    job: str
    state: JobState
    sealed: bool
    queue: str
    total: int
    succeeded: int
    failed: int
    created_s: float
    finished_s: float | None = None
    #: Version of its messages.
    v: int = 1
    #: `name@version`, digest and batch size of its options; empty and 0 when only a newer Vedette can read them.
    model: str = ""
    digest: str = ""
    batch_size: int = 0
    #: Images that failed for another reason than their file, and can be put back.
    dead: int = 0
    #: Their failures' codes, of those that were looked at, and one of their messages.
    dead_codes: Mapping[str, int] = field(default_factory=dict)
    dead_message: str = ""
    max_failure_rate: float | None = None

    @property
    def left(self) -> int:
        return max(0, self.total - self.succeeded - self.failed)


@dataclass(frozen=True)
class TaskFacts:
    """A task that the question is about, and that is not done."""

    task: str
    state: TaskState
    queue: str
    batch_size: int
    attempt: int
    #: Of its latest claim.
    worker: str | None = None
    claimed_s: float | None = None
    lease_until_s: float | None = None
    #: Without a result.
    images: int = 0
    #: When its bell was last rung, and how many tasks wait before it; None when it does not wait.
    rung_s: float | None = None
    ahead: int | None = None
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True)
class QueueFacts:
    name: str
    tasks: int = 0
    #: Estimated where there are many tasks.
    images: int = 0
    oldest_s: float | None = None
    #: Of the tasks that come first.
    first_images: Sequence[int] = ()
    #: Doorbells in the list.
    bells: int = 0

    def images_before(self, tasks: int) -> int:
        """In the first so many tasks; estimated beyond those that were looked at."""
        if tasks <= len(self.first_images) or not self.tasks:
            return sum(self.first_images[:tasks])
        return round(tasks * self.images / self.tasks)

    @cached_property
    def needs(self) -> Requirement | None:
        """None for a queue of a newer Vedette."""
        return requirement_of(self.name) if is_queue(self.name) else None


@dataclass(frozen=True)
class Running:
    """A task that somebody is at, of whatever job."""

    task: str
    job: str
    queue: str
    worker: str
    claimed_s: float | None
    lease_until_s: float
    model: str = ""


@dataclass(frozen=True)
class Worker:
    advert: Advert
    vitals: Vitals | None = None
    running: Sequence[Running] = ()

    @property
    def node(self) -> str:
        return self.advert.node

    @property
    def slots(self) -> int:
        return self.advert.capability.slots

    @property
    def busy(self) -> int:
        """Slots at work: as it says, or as the leases say where it is of an older Vedette."""
        return min(self.slots, self.vitals.slots_busy if self.vitals is not None else len(self.running))


@dataclass(frozen=True)
class Gone:
    """A worker of the last day that is no longer there."""

    advert: Advert
    last_seen_s: float
    #: It took its leave; else it was killed, or cut off.
    left: bool


@dataclass(frozen=True)
class LearnedFacts:
    """Of the model on workers of one class: the largest batch to try, and the smallest that failed; 0: none."""

    worker_class: str
    limit: int
    failed: int


@dataclass(frozen=True)
class RedisFacts:
    """As far as it says; None for who may not ask it (`INFO`)."""

    used_bytes: int = 0
    #: 0: no limit.
    max_bytes: int = 0
    policy: str = "noeviction"
    replica: bool = False
    #: Why it refuses writes although it has memory: its disk.
    disk_trouble: str = ""


@dataclass(frozen=True)
class Facts:
    kind: Kind
    #: As asked for.
    name: str
    now_s: float
    #: `name@version` that it is about; empty when nobody can tell.
    model_ref: str = ""
    model: ModelSpec | None = None
    #: When a worker last had it in its store; None: no worker has, for as long as the registry remembers.
    model_seen_s: float | None = None
    #: What is registered under the model's name, and at all.
    versions: Sequence[str] = ()
    models: Sequence[str] = ()
    job: JobFacts | None = None
    #: Those that are not done, of the tasks that were looked at.
    tasks: Sequence[TaskFacts] = ()
    tasks_done: int = 0
    tasks_total: int = 0
    queues: Mapping[str, QueueFacts] = field(default_factory=dict)
    workers: Sequence[Worker] = ()
    gone: Sequence[Gone] = ()
    learned: Sequence[LearnedFacts] = ()
    submission: Submission | None = None
    redis: RedisFacts | None = None
    #: Settings of who asks; workers may have others.
    lease_s: float = 15
    bell_patience_s: float = 20
    upkeep_s: float = 2
    attempts_max: int = 20

    def discreet(self) -> "Facts":
        """Without the names of other jobs and their tasks: who knows a job's name may cancel it."""
        own = self.job.job if self.job is not None else None
        workers = [
            replace(
                worker,
                running=[each if each.job == own else replace(each, job="", task="") for each in worker.running],
            )
            for worker in self.workers
        ]
        return replace(self, workers=workers)

    @property
    def waiting(self) -> Sequence[TaskFacts]:
        return [task for task in self.tasks if task.state == "queued"]

    @property
    def running(self) -> Sequence[TaskFacts]:
        return [task for task in self.tasks if task.state == "running"]

    @property
    def attempts(self) -> Sequence[tuple[str, Attempt]]:
        """(task, attempt) of the tasks that were looked at, oldest first."""
        every = [(task.task, attempt) for task in self.tasks for attempt in task.attempts]
        return sorted(every, key=lambda pair: pair[1].ended)
