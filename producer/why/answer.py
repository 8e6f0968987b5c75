"""What `vedette why --json` and `GET /v1/jobs/{id}/why` tell: the reasons, and the facts behind them. Pure.

Fields are added, never renamed or given another meaning; docs/why.md describes them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from contract.capability import Requirement
from contract.ledger.records import Verdict
from contract.registry import could_serve, serves
from contract.routing import why_not
from producer.why.facts import Facts, Kind, Worker
from producer.why.reason import Reason
from producer.why.reasons import reasons
from producer.why.words import count, duration

State = Literal["waiting", "running", "submitting", "rejected", "done", "cancelled", "stopped", "ready", "unserved"]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Images(_Told):
    total: int
    succeeded: int
    failed: int
    left: int
    dead: int = Field(description="Of `failed`: can be put back")


class Tasks(_Told):
    """Of those that were looked at: the last thousand of a job."""

    total: int
    done: int
    running: int
    waiting: int


class AtWork(_Told):
    task: str
    job: str
    model: str
    since: datetime | None


class WorkerStand(_Told):
    """A worker that lives, as the question sees it."""

    node: str
    fits: bool = Field(description="It takes work from every queue that the question is about")
    why_not: str = Field(description="Empty where it fits")
    draining: bool
    slots: int
    slots_busy: int
    memory_per_slot_bytes: int
    cpu_level: str
    at: list[AtWork] = Field(description="What its slots are at")


class GoneWorker(_Told):
    """A worker of the last day that is no longer there."""

    node: str
    last_seen: datetime
    left: bool = Field(description="It took its leave; else it was killed, or cut off")
    fitted: bool


class QueueStand(_Told):
    name: str
    needs: Requirement | None = Field(description="null: of a newer Vedette")
    tasks: int
    images: int = Field(description="Estimated where many tasks wait")
    oldest_s: float | None


class Tried(_Told):
    """One closed attempt at a task."""

    task: str
    attempt: int
    worker: str
    batch_size: int
    verdict: Verdict | None = Field(description="null: it did not fail")
    detail: str
    outcome: str
    ended: datetime
    seconds: float | None = Field(description="From claim to end; null of an older Vedette")
    peak_bytes: int | None = Field(description="Most anonymous memory of its slot; null where nobody knows")


class Answer(_Told):
    version: Literal[1] = 1
    kind: Kind
    name: str
    #: The answer in one sentence.
    headline: str = Field(examples=["queued 4 min: needs 8 GiB a slot, the largest worker has 3.5 GiB (big@yard)"])
    state: State
    since: datetime | None = Field(description="Since when it has been so")
    reasons: list[Reason] = Field(description="The most important first; never empty")
    job: str | None
    model: str
    images: Images | None
    tasks: Tasks | None
    queues: list[QueueStand] = Field(description="That it waits on; of a model, its own")
    workers: list[WorkerStand]
    gone: list[GoneWorker]
    attempts: list[Tried] = Field(description="At tasks that are not done, oldest first; of a task, all")
    asked: datetime


def answer(facts: Facts) -> Answer:
    found = reasons(facts)
    state, since_s = _state(facts, found)
    job = facts.job
    needs = [queue.needs for queue in facts.queues.values() if queue.needs is not None]
    if not needs and facts.model is not None:
        needs = [facts.model.needs]
    return Answer(
        kind=facts.kind,
        name=facts.name,
        headline=_headline(facts, state, since_s, found),
        state=state,
        since=_moment(since_s),
        reasons=found,
        job=job.job if job is not None else None,
        model=facts.model_ref,
        images=None
        if job is None
        else Images(total=job.total, succeeded=job.succeeded, failed=job.failed, left=job.left, dead=job.dead),
        tasks=None
        if job is None
        else Tasks(
            total=facts.tasks_total,
            done=facts.tasks_done,
            running=len(facts.running),
            waiting=len(facts.waiting),
        ),
        queues=[
            QueueStand(
                name=queue.name,
                needs=queue.needs,
                tasks=queue.tasks,
                images=queue.images,
                oldest_s=None if queue.oldest_s is None else round(max(0.0, facts.now_s - queue.oldest_s), 1),
            )
            for queue in facts.queues.values()
        ],
        workers=[_worker(worker, needs) for worker in facts.workers],
        gone=[
            GoneWorker(
                node=past.advert.node,
                last_seen=datetime.fromtimestamp(past.last_seen_s, tz=UTC),
                left=past.left,
                fitted=all(could_serve(past.advert, need) for need in needs),
            )
            for past in facts.gone
        ],
        attempts=[
            Tried(
                task=task,
                **attempt.model_dump(
                    include={"attempt", "worker", "batch_size", "verdict", "detail", "outcome", "ended"}
                ),
                seconds=attempt.seconds,
                peak_bytes=attempt.peak_bytes,
            )
            for task, attempt in facts.attempts
        ],
        asked=datetime.fromtimestamp(facts.now_s, tz=UTC),
    )


def _worker(worker: Worker, needs: Sequence[Requirement]) -> WorkerStand:
    advert = worker.advert
    refusals = [why for need in needs if (why := why_not(advert, need))]
    return WorkerStand(
        node=worker.node,
        fits=not refusals,
        why_not=refusals[0] if refusals else "",
        draining=advert.draining,
        slots=worker.slots,
        slots_busy=worker.busy,
        memory_per_slot_bytes=advert.capability.memory_per_slot_bytes,
        cpu_level=advert.capability.cpu_level,
        at=[
            AtWork(task=each.task, job=each.job, model=each.model, since=_moment(each.claimed_s))
            for each in worker.running
        ],
    )


def _state(facts: Facts, found: Sequence[Reason]) -> tuple[State, float | None]:
    job = facts.job
    if job is not None and job.state != "open":
        return job.state, job.finished_s
    if job is None and facts.submission is not None:
        return ("rejected" if facts.submission.state == "rejected" else "submitting"), None
    if job is None:
        serving = any(
            serves(worker.advert, queue.needs)
            for worker in facts.workers
            for queue in facts.queues.values()
            if queue.needs is not None
        )
        return ("ready" if serving and facts.model is not None else "unserved"), None
    if facts.running and found[0].code != "lease_over":
        return "running", min((task.claimed_s for task in facts.running if task.claimed_s is not None), default=None)
    waited_since = [task.attempts[-1].ended.timestamp() for task in facts.waiting if task.attempts]
    return "waiting", min(waited_since, default=job.created_s) if facts.kind == "task" else job.created_s


def _headline(facts: Facts, state: State, since_s: float | None, found: Sequence[Reason]) -> str:
    job, first = facts.job, found[0]
    if state in ("done", "cancelled", "stopped", "rejected", "submitting", "unserved"):
        return first.text if state != "done" else next(each.text for each in found if each.code == "done")
    if state == "ready":
        load = [f"{count(queue.images, 'image')} on {name}" for name, queue in facts.queues.items() if queue.tasks]
        one = not load or (len(load) == 1 and sum(queue.images for queue in facts.queues.values()) == 1)
        return f"{first.text}; {', '.join(load) or 'nothing'} {'waits' if one else 'wait'}"
    assert job is not None
    so_far = f"{job.succeeded + job.failed} of {job.total} images done"
    if state == "running":
        blocking = next((each for each in found if each.code not in ("running", "soon", "unsealed")), None)
        told = next((each for each in found if each.code == "running"), first)
        return f"running, {so_far}: {told.text}" + (f"; {blocking.text}" if blocking is not None else "")
    waited = f"queued {duration(facts.now_s - since_s)}" if since_s is not None else "queued"
    return f"{waited}: {first.text}"


def _moment(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, tz=UTC)
