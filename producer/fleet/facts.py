"""What was read of the fleet at one moment, and which workers are of one class. Values, no Redis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from contract.capability import Capability, Requirement, all_features
from contract.ledger import Backlog
from contract.memory import MIB
from contract.model_spec import ModelSpec
from contract.queues import queue_name, requirement_of
from contract.registry import Advert, serves
from contract.vitals import Vitals

#: Machines of the same kind differ by a few megabytes in what they measure.
_CLASS_STEP_BYTES = 128 * MIB


@dataclass(frozen=True)
class Worker:
    """A worker that lives, and what it says of itself; None of an older one, which says nothing."""

    advert: Advert
    vitals: Vitals | None = None

    @property
    def node(self) -> str:
        return self.advert.node

    @cached_property
    def draining(self) -> bool:
        """It finishes what it is at and takes nothing new."""
        return self.advert.draining or (self.vitals is not None and self.vitals.draining)

    def serves(self, needs: Requirement) -> bool:
        return not self.draining and serves(self.advert, needs)


@dataclass(frozen=True)
class Facts:
    workers: Sequence[Worker]
    models: Sequence[ModelSpec]
    backlog: Backlog

    @property
    def requirements(self) -> dict[str, Requirement]:
        """Of every queue in use, and of every model's queue, by name."""
        queues = {queue: requirement_of(queue) for queue in self.backlog.queues}
        return queues | {queue_name(needs): needs for needs in (spec.needs for spec in self.models)}

    @cached_property
    def kinds(self) -> list[tuple[Worker, int]]:
        """One worker of each kind that serve the same queues, and how many there are: a fleet has few kinds."""
        kinds: dict[object, tuple[Worker, int]] = {}
        for worker in self.workers:
            advert = worker.advert
            kind = (advert.capability, frozenset(advert.withdrawn), worker.draining)
            first, count = kinds.get(kind, (worker, 0))
            kinds[kind] = first, count + 1
        return [*kinds.values()]


@dataclass(frozen=True, order=True)
class WorkerClass:
    """Workers that can do the same, at the same speed as far as their capabilities tell."""

    cpu_level: str
    #: Rounded down to 128 MiB.
    memory_per_slot_bytes: int
    slots: int
    threads: int
    #: Those beyond the level that some model asks for.
    cpu_features: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`x86_64_v3-3584m-2x4`: level, memory of a slot, slots × threads; `+avx512_vnni` where that counts."""
        features = "".join(f"+{feature}" for feature in self.cpu_features)
        return f"{self.cpu_level}{features}{self.machine.removeprefix(self.cpu_level)}"

    @property
    def machine(self) -> str:
        """The same without features, as `contract.capability.machine_class` spells it."""
        return f"{self.cpu_level}-{self.memory_per_slot_bytes // MIB}m-{self.slots}x{self.threads}"


def class_of(capability: Capability, asked_for: frozenset[str]) -> WorkerClass:
    """`asked_for`: CPU features that some model asks for; workers that differ in others are alike."""
    return WorkerClass(
        cpu_level=capability.cpu_level,
        memory_per_slot_bytes=capability.memory_per_slot_bytes // _CLASS_STEP_BYTES * _CLASS_STEP_BYTES,
        slots=capability.slots,
        threads=capability.threads,
        cpu_features=tuple(sorted(asked_for & all_features(capability))),
    )


def features_asked_for(requirements: Iterable[Requirement]) -> frozenset[str]:
    return frozenset().union(*(needs.cpu_features for needs in requirements))
