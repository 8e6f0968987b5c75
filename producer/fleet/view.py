"""What `vedette fleet --json` and `GET /v1/fleet` tell: the same facts under the same names. Pure.

Fields are added, never renamed or given another meaning; docs/fleet.md describes them. What an older worker does not
say of itself is null.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from contract.capability import Capability, Requirement
from contract.ledger import Work
from contract.queues import queue_name
from producer.fleet.facts import Facts, Worker, class_of, features_asked_for
from producer.fleet.nobody import why_nobody


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class WorkerState(_Told):
    """A worker that lives: its advert, and what it says of itself."""

    node: str = Field(description="Celery's node name", examples=["small@yard"])
    capability: Capability
    queues: tuple[str, ...] = Field(description="That it listens to, in the order it takes work")
    withdrawn: dict[str, str] = Field(description="Queues that it has withdrawn from, and why")
    versions: dict[str, str]
    worker_class: str = Field(description="The same for workers that can do the same", examples=["x86_64_v3-3584m-2x4"])
    draining: bool = Field(description="It finishes what it is at and takes nothing new")
    slots_busy: int | None = Field(description="Of `capability.slots`")
    memory_used_bytes: int | None = Field(description="Anonymous memory of all its processes")
    memory_limit_bytes: int = Field(description="What its slots may use together")
    models_loaded: dict[str, int] | None = Field(description="Model to the slots that have it loaded")
    images_per_s: dict[str, float] | None = Field(description="In the last minute, by model")
    kills: dict[str, int] | None = Field(description="Slots that died at work, by who ended them")
    since: datetime | None = Field(description="When it started")


class QueueWork(_Told):
    """A queue in use: what waits on it, what runs, who serves it."""

    name: str = Field(examples=["detect.any.512m"])
    needs: Requirement
    tasks_waiting: int
    images_waiting: int
    tasks_running: int
    images_running: int = Field(description="Images of running tasks that have no result yet")
    oldest_s: float | None = Field(description="Since the task that has waited longest was put on it; null: none waits")
    workers: int = Field(description="That serve it")
    slots: int = Field(description="Of those workers")
    nobody: str | None = Field(description="Why no worker serves it; null when one does")


class ModelWork(_Told):
    """A model that is known, or that has work."""

    ref: str = Field(examples=["defects-small@1"])
    queue: str | None = Field(description="Of its jobs; null of a model that no worker has had for long")
    tasks_waiting: int
    images_waiting: int
    tasks_running: int
    images_running: int
    images_per_s: float | None = Field(description="Of all workers, in the last minute; null when none says")
    workers: int = Field(description="That can run it")
    slots: int = Field(description="Of those workers")
    nobody: str | None = Field(description="Why no worker can run it; null when one can")


class FleetView(_Told):
    v: Literal[1] = 1
    at: datetime = Field(description="By Redis' clock")
    estimated: bool = Field(description="Images, and what is of which model, were taken from a sample of long queues")
    workers: list[WorkerState]
    queues: list[QueueWork]
    models: list[ModelWork]


def view_of(facts: Facts) -> FleetView:
    at = datetime.fromtimestamp(facts.backlog.now_s, tz=UTC)
    requirements = facts.requirements
    asked_for = features_asked_for(requirements.values())
    served = {queue: _Served.of(needs, facts) for queue, needs in requirements.items()}
    return FleetView(
        at=at,
        estimated=facts.backlog.estimated,
        workers=[_worker(worker, asked_for, facts.backlog.slots_busy, at) for worker in facts.workers],
        queues=[
            QueueWork(
                name=queue,
                needs=requirements[queue],
                **vars(work),
                oldest_s=facts.backlog.oldest_s.get(queue),
                **vars(served[queue]),
            )
            for queue, work in sorted(facts.backlog.queues.items(), key=lambda item: _by_need(requirements[item[0]]))
        ],
        models=_models(facts, served),
    )


@dataclass(frozen=True)
class _Served:
    workers: int
    slots: int
    nobody: str | None

    @classmethod
    def of(cls, needs: Requirement, facts: Facts) -> Self:
        able = [(worker.advert.capability.slots, count) for worker, count in facts.kinds if worker.serves(needs)]
        slots = sum(each * count for each, count in able)
        return cls(sum(count for _, count in able), slots, None if able else why_nobody(needs, facts))


def _worker(worker: Worker, asked_for: frozenset[str], busy: Mapping[str, int] | None, at: datetime) -> WorkerState:
    advert, vitals, has = worker.advert, worker.vitals, worker.advert.capability
    running = None if busy is None else busy.get(advert.node, 0)
    return WorkerState(
        **advert.model_dump(include={"node", "queues", "withdrawn", "versions"}),
        capability=has,
        worker_class=class_of(has, asked_for).name,
        draining=worker.draining,
        slots_busy=running if vitals is None else vitals.slots_busy,
        memory_used_bytes=None if vitals is None else vitals.memory_bytes,
        memory_limit_bytes=(vitals and vitals.memory_limit_bytes) or has.memory_per_slot_bytes * has.slots,
        models_loaded=None if vitals is None else vitals.models,
        images_per_s=None if vitals is None else vitals.images_per_s,
        kills=None if vitals is None else vitals.kills,
        since=None if vitals is None else at - timedelta(seconds=vitals.up_s),
    )


def _models(facts: Facts, served: Mapping[str, _Served]) -> list[ModelWork]:
    rates: Counter[str] = Counter()
    told = [worker.vitals.images_per_s for worker in facts.workers if worker.vitals is not None]
    for rate in told:
        rates.update(rate)
    queue_of = {spec.ref: queue_name(spec.needs) for spec in facts.models}
    unknown = _Served(0, 0, "no worker has had it for long: start one whose model store has it")
    return [
        ModelWork(
            ref=ref,
            queue=queue_of.get(ref),
            **vars(facts.backlog.models.get(ref, Work())),
            images_per_s=float(rates[ref]) if told else None,
            **vars(served[queue_of[ref]] if ref in queue_of else unknown),
        )
        for ref in [*queue_of, *sorted({*facts.backlog.models} - {*queue_of})]
    ]


def _by_need(needs: Requirement) -> tuple[int, str]:
    """Largest first, as workers take work."""
    return -needs.memory_bytes, queue_name(needs)
