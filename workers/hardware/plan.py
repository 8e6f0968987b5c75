"""How a machine is cut into slots, within what the operator allows. Pure."""

from dataclasses import dataclass
from typing import Final

from contract.capability import Capability
from contract.errors import SettingsError
from contract.memory import GIB, TIERS_BYTES, format_bytes
from workers.hardware.cpu import Cpu, cap_cpu
from workers.hardware.errors import MachineUnsupported
from workers.hardware.memory import Memory

#: By default a second slot comes with the sixteenth core and the fourth usable GiB: it costs 0.6 GB before a model.
CORES_PER_SLOT: Final = 8
MIN_DEFAULT_SLOT_BYTES: Final = 2 * GIB

#: A slot with less could serve no queue.
MIN_SLOT_BYTES: Final = TIERS_BYTES[0]


@dataclass(frozen=True)
class Caps:
    """The options --memory, --slots, --threads and --cpu; None where the operator said nothing."""

    #: What all slots together may use.
    memory_bytes: int | None = None
    slots: int | None = None
    threads: int | None = None
    cpu: str | None = None


def available_cores(affinity_cpus: int, quota: float | None) -> int:
    """A quota of 3.5 cores counts as 3: a fourth thread would be throttled half of the time, and the others wait."""
    return max(1, affinity_cpus if quota is None else min(affinity_cpus, int(quota)))


def plan(cores: int, memory: Memory, cpu: Cpu, caps: Caps) -> Capability:
    """What this machine offers to the fleet.

    Without caps: one slot per 8 cores, as long as each has 2 GiB, and at least one; the cores shared out evenly.

    | cores | usable   | caps             | slots | threads | memory per slot |
    |-------|----------|------------------|-------|---------|-----------------|
    | 2     | 3.75 GiB |                  | 1     | 2       | 3.75 GiB        |
    | 12    | 30 GiB   |                  | 1     | 12      | 30 GiB          |
    | 16    | 30 GiB   |                  | 2     | 8       | 15 GiB          |
    | 16    | 3 GiB    |                  | 1     | 16      | 3 GiB           |
    | 64    | 252 GiB  |                  | 8     | 8       | 31.5 GiB        |
    | 64    | 252 GiB  | --memory 8g      | 4     | 16      | 2 GiB           |
    | 16    | 30 GiB   | --slots 3        | 3     | 5       | 10 GiB          |
    | 16    | 30 GiB   | --threads 4      | 2     | 4       | 15 GiB          |

    SettingsError for a cap above what was measured, or one that leaves a slot too little memory for any queue;
    MachineUnsupported when the machine itself has too little.
    """
    _check(caps, memory)
    usable_bytes = min(memory.usable_bytes, caps.memory_bytes or memory.usable_bytes)
    limited_by = "--memory" if usable_bytes < memory.usable_bytes else memory.shared.source
    slots = caps.slots or max(1, min(cores // CORES_PER_SLOT, usable_bytes // MIN_DEFAULT_SLOT_BYTES))
    slot_bytes = usable_bytes // slots
    if memory.per_process is not None and memory.per_process.amount_bytes < slot_bytes:
        slot_bytes, limited_by = memory.per_process.amount_bytes, memory.per_process.source
    if slot_bytes < MIN_SLOT_BYTES:
        raise _too_little(slot_bytes, caps, limited_by)
    used_cpu = cpu if caps.cpu is None else cap_cpu(cpu, caps.cpu)
    return Capability(
        cpu_level=used_cpu.level,
        cpu_features=used_cpu.features,
        memory_per_slot_bytes=slot_bytes,
        slots=slots,
        threads=caps.threads or max(1, cores // slots),
        cpu_name=used_cpu.name,
        memory_limited_by=limited_by,
    )


def oversubscription(cores: int, capability: Capability) -> str | None:
    """A sentence for the log when the slots' threads are more than the cores, which is allowed and slow."""
    threads = capability.slots * capability.threads
    if threads <= cores:
        return None
    return (
        f"Slots and their threads are more than the cores: {capability.slots} x {capability.threads} = {threads} "
        f"threads for {cores}. They will wait for each other; lower --slots or --threads."
    )


def _check(caps: Caps, memory: Memory) -> None:
    for option, value in (("--memory", caps.memory_bytes), ("--slots", caps.slots), ("--threads", caps.threads)):
        if value is not None and value < 1:
            raise SettingsError(f"{option} {value}: expected at least 1.")
    if caps.memory_bytes is not None and caps.memory_bytes > memory.shared.amount_bytes:
        raise SettingsError(
            f"--memory {format_bytes(caps.memory_bytes)}: this machine has {format_bytes(memory.shared.amount_bytes)} "
            f"(limited by {memory.shared.source}), and a cap can only lower that."
        )


def _too_little(slot_bytes: int, caps: Caps, limited_by: str) -> SettingsError | MachineUnsupported:
    what = f"leaves {format_bytes(slot_bytes)} for a slot, which needs at least {format_bytes(MIN_SLOT_BYTES)}"
    by_process = limited_by.startswith("RLIMIT_")  # binds each slot on its own: fewer slots would not help
    if caps.slots is not None and caps.slots > 1 and not by_process:
        return SettingsError(f"--slots {caps.slots}: {limited_by} {what}. Ask for fewer slots.")
    if limited_by == "--memory":
        return SettingsError(f"--memory {format_bytes(caps.memory_bytes or 0)} {what}. Allow more memory.")
    return MachineUnsupported(
        f"This machine has too little memory for a worker: {limited_by}, less what the system and the worker itself "
        f"need, {what}. Raise that limit or run the worker elsewhere."
    )
