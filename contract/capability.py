"""What a model needs of a machine, what a machine offers, and whether the two go together.

CPU levels are archspec's names (`x86_64_v3`, `armv8.2a`, …), whose partial order says which machine can run code built
for which level: https://github.com/archspec/archspec-json. One name is ours: `any`, for a model that needs nothing
beyond TensorFlow itself. Most SavedModels are of that kind, and a worker's preflight has proved TensorFlow before it
listens, so such a model has one queue for x86 and ARM machines alike.
"""

from functools import cache
from typing import Annotated, Final

import archspec.cpu
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contract.memory import MIB, TIERS_BYTES, format_bytes, tier_in_words

#: The CPU level of a model that runs wherever TensorFlow runs.
ANY_CPU: Final = "any"
_CLASS_STEP_BYTES: Final = 128 * MIB


def _known_level(name: str) -> str:
    if name != ANY_CPU and name not in archspec.cpu.TARGETS:
        raise ValueError(f"{name!r} is no CPU level; use 'any' or an archspec name such as x86_64_v3 or armv8.2a")
    return name


def _tier(memory_bytes: int) -> int:
    if memory_bytes not in TIERS_BYTES:
        raise ValueError(f"{memory_bytes} is no memory tier; use contract.memory.tier_for()")
    return memory_bytes


def _of_a_machine(name: str) -> str:
    if name == ANY_CPU:
        raise ValueError("'any' is what a model may need; a machine has an archspec name such as x86_64_v3")
    return name


CpuLevel = Annotated[str, AfterValidator(_known_level)]
MachineLevel = Annotated[CpuLevel, AfterValidator(_of_a_machine)]
CpuFeature = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class Requirement(BaseModel):
    """What a model needs from a machine. Its spelling is a queue name: `contract.queues`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_level: CpuLevel = ANY_CPU
    #: Bytes that one slot must have: one of `TIERS_BYTES`.
    memory_bytes: Annotated[int, AfterValidator(_tier)]
    #: CPU features beyond the level, in Linux's spelling of /proc/cpuinfo (`avx512_vnni`, `amx_bf16`).
    cpu_features: frozenset[CpuFeature] = frozenset()


class Capability(BaseModel):
    """What a worker measured of its machine, after the operator's caps."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # newer workers may say more

    cpu_level: MachineLevel
    cpu_features: frozenset[CpuFeature]
    #: Bytes that one slot may use, all slots being busy: anonymous and charged memory, no swap.
    memory_per_slot_bytes: int = Field(gt=0)
    slots: int = Field(ge=1)
    #: TensorFlow intra-op threads of one slot.
    threads: int = Field(ge=1)
    #: What people call the CPU: /proc/cpuinfo's "model name", or the architecture where there is none.
    cpu_name: str = ""
    #: Which limit was the tightest, for the log: "host memory", "cgroup /docker/…", "--memory".
    memory_limited_by: str = ""


@cache
def level_runs(machine_level: str, needed_level: str) -> bool:
    """Whether a machine of `machine_level` can run code built for `needed_level`."""
    if needed_level == ANY_CPU:
        return True
    return bool(archspec.cpu.TARGETS[machine_level] >= archspec.cpu.TARGETS[needed_level])


def shortfalls(capability: Capability, requirement: Requirement) -> list[str]:
    """What the capability lacks, as phrases for people; empty when it satisfies the requirement."""
    missing = []
    if not level_runs(capability.cpu_level, requirement.cpu_level):
        missing.append(f"CPU level {requirement.cpu_level} (has {capability.cpu_level})")
    lacking = sorted(requirement.cpu_features - all_features(capability))
    if lacking:
        missing.append(f"CPU feature{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}")
    if capability.memory_per_slot_bytes < requirement.memory_bytes:
        missing.append(
            f"{tier_in_words(requirement.memory_bytes)} of memory per slot "
            f"(has {format_bytes(capability.memory_per_slot_bytes)})"
        )
    return missing


def satisfies(capability: Capability, requirement: Requirement) -> bool:
    """Whether a worker of this capability may listen to the queue of this requirement."""
    # As `shortfalls`, without a word: a fleet asks this of each worker for each queue.
    return capability.memory_per_slot_bytes >= requirement.memory_bytes and cpu_satisfies(capability, requirement)


def cpu_satisfies(capability: Capability, requirement: Requirement) -> bool:
    """The same, whatever the memory."""
    return level_runs(capability.cpu_level, requirement.cpu_level) and not (
        requirement.cpu_features and requirement.cpu_features - all_features(capability)
    )


def all_features(capability: Capability) -> frozenset[str]:
    """Measured features, and those that the level implies (recorded flags spell some of them otherwise)."""
    implied: frozenset[str] = archspec.cpu.TARGETS[capability.cpu_level].features
    return capability.cpu_features | implied


def machine_class(capability: Capability) -> str:
    """Workers alike enough to be equally fast: `x86_64_v3-3584m-2x4`, which is level, class, slots × threads."""
    memory = worker_class(capability.memory_per_slot_bytes)
    return f"{capability.cpu_level}-{memory}-{capability.slots}x{capability.threads}"


def worker_class(memory_per_slot_bytes: int) -> str:
    """Workers alike enough to learn from each other: memory per slot, rounded down to 128 MiB: `1792m`."""
    return f"{memory_per_slot_bytes // _CLASS_STEP_BYTES * _CLASS_STEP_BYTES // MIB}m"
