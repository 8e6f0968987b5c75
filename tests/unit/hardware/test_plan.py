import pytest

from contract.errors import SettingsError
from contract.memory import GIB, MIB
from workers.hardware.cgroup import Limit
from workers.hardware.cpu import Cpu
from workers.hardware.errors import MachineUnsupported
from workers.hardware.memory import Memory
from workers.hardware.plan import Caps, available_cores, oversubscription, plan

CPU = Cpu("x86_64_v3", frozenset({"avx2", "aes"}), "Some CPU")


def memory(usable_gib: float, per_process: Limit | None = None) -> Memory:
    """Of a host that keeps back 1 GiB."""
    usable_bytes = int(usable_gib * GIB)
    return Memory(Limit(usable_bytes + GIB, "host memory"), usable_bytes, per_process)


@pytest.mark.parametrize(
    ("cores", "usable_gib", "caps", "slots", "threads", "slot_gib"),
    [
        # The table in plan()'s docstring.
        (2, 3.75, Caps(), 1, 2, 3.75),
        (12, 30, Caps(), 1, 12, 30),
        (16, 30, Caps(), 2, 8, 15),
        (16, 3, Caps(), 1, 16, 3),
        (64, 252, Caps(), 8, 8, 31.5),
        (64, 252, Caps(memory_bytes=8 * GIB), 4, 16, 2),
        (16, 30, Caps(slots=3), 3, 5, 10),
        (16, 30, Caps(threads=4), 2, 4, 15),
        # Beyond it.
        (1, 1, Caps(), 1, 1, 1),
        (2, 4, Caps(slots=4), 4, 1, 1),
        (4, 4, Caps(memory_bytes=int(4.5 * GIB)), 1, 4, 4),  # between usable and measured: nothing is taken twice
        (16, 30, Caps(memory_bytes=30 * GIB, slots=1, threads=1), 1, 1, 30),
    ],
)
def test_the_plan(cores: int, usable_gib: float, caps: Caps, slots: int, threads: int, slot_gib: float) -> None:
    capability = plan(cores, memory(usable_gib), CPU, caps)
    assert (capability.slots, capability.threads) == (slots, threads)
    assert capability.memory_per_slot_bytes == int(slot_gib * GIB)


@pytest.mark.parametrize(
    ("per_process", "caps", "limited_by", "slot_gib"),
    [
        (None, Caps(), "host memory", 15),
        (None, Caps(memory_bytes=8 * GIB), "--memory", 4),
        (Limit(3 * GIB, "RLIMIT_AS"), Caps(), "RLIMIT_AS", 3),
        (Limit(3 * GIB, "RLIMIT_AS"), Caps(memory_bytes=4 * GIB), "--memory", 2),
        (Limit(20 * GIB, "RLIMIT_AS"), Caps(), "host memory", 15),
    ],
)
def test_a_limit_on_each_process_is_not_shared_out(
    per_process: Limit | None, caps: Caps, limited_by: str, slot_gib: int
) -> None:
    capability = plan(16, memory(30, per_process), CPU, caps)
    assert (capability.memory_limited_by, capability.memory_per_slot_bytes) == (limited_by, slot_gib * GIB)


def test_a_cpu_cap_reaches_the_capability() -> None:
    assert plan(2, memory(4), CPU, Caps()).cpu_features == {"avx2", "aes"}
    capped = plan(2, memory(4), CPU, Caps(cpu="x86_64_v2"))
    assert (capped.cpu_level, capped.cpu_features, capped.cpu_name) == ("x86_64_v2", frozenset(), "Some CPU")


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        (Caps(memory_bytes=64 * GIB), r"--memory 64.0 GiB: this machine has 5.0 GiB \(limited by host memory\)"),
        (Caps(memory_bytes=0), "--memory 0: expected at least 1"),
        (Caps(slots=0), "--slots 0: expected at least 1"),
        (Caps(threads=-1), "--threads -1: expected at least 1"),
        (Caps(slots=9), "--slots 9: host memory leaves 455 MiB for a slot, which needs at least 512 MiB"),
        (Caps(slots=3, memory_bytes=GIB), "--slots 3: --memory leaves 341 MiB for a slot"),
        (Caps(memory_bytes=300 * MIB), "--memory 300 MiB leaves 300 MiB for a slot"),
        (Caps(cpu="x86_64_v4"), "--cpu x86_64_v4"),
    ],
)
def test_a_cap_that_cannot_be(caps: Caps, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(2, memory(4), CPU, caps)


@pytest.mark.parametrize(
    ("measured", "caps", "message"),
    [
        (memory(0.25), Caps(), "too little memory for a worker: host memory"),
        (memory(30, Limit(0, "RLIMIT_AS")), Caps(slots=2), "RLIMIT_AS.* leaves 0 MiB for a slot"),
    ],
)
def test_a_machine_that_is_too_small(measured: Memory, caps: Caps, message: str) -> None:
    with pytest.raises(MachineUnsupported, match=message):
        plan(16, measured, CPU, caps)


@pytest.mark.parametrize(
    ("affinity_cpus", "quota", "cores"), [(8, None, 8), (8, 3.5, 3), (8, 0.5, 1), (2, 16.0, 2), (1, 1.0, 1)]
)
def test_cores(affinity_cpus: int, quota: float | None, cores: int) -> None:
    assert available_cores(affinity_cpus, quota) == cores


def test_oversubscription_is_said() -> None:
    capability = plan(8, memory(30), CPU, Caps(slots=4, threads=4))
    said = oversubscription(8, capability)
    assert said is not None
    assert "4 x 4 = 16 threads for 8" in said
    assert oversubscription(16, capability) is None
