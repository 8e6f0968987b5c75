"""Whole machines, as recorded: what the first lines of a worker's log say on each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contract.capability import Requirement, satisfies
from contract.errors import SettingsError
from contract.memory import GIB
from workers.hardware.errors import MachineUnsupported
from workers.hardware.files import MachineFiles, read_machine
from workers.hardware.plan import Caps
from workers.hardware.probe import describe, measure, measure_cores, measure_cpu, warnings

Machine = Callable[[str], MachineFiles]

DESCRIPTIONS = {
    "westmere": """
cpu       x86_64_v2, Intel(R) Xeon(R) CPU X5650 @ 2.67GHz
memory    22.3 GiB per slot, limited by host memory
slots     1 with 12 threads""",
    "sandybridge": """
cpu       x86_64_v2, Intel(R) Core(TM) i5-2500 CPU @ 3.30GHz, avx
memory    2.0 GiB per slot, limited by RLIMIT_AS
slots     1 with 4 threads""",
    "ryzen_desktop": """
cpu       x86_64_v3, AMD Ryzen 5 3600 6-Core Processor
memory    11.4 GiB per slot, limited by cgroup /user.slice/user-1000.slice (memory.high)
slots     1 with 12 threads""",
    "sapphire_rapids": """
cpu       x86_64_v4, Intel(R) Xeon(R) Platinum 8480+, amx_bf16 amx_int8 avx512_bf16 avx512_vnni avx_vnni
memory    62.5 GiB per slot, limited by host memory
slots     8 with 8 threads each""",
    "graviton3": """
cpu       armv8.4a, ARM neoverse_v1, svebf16 svei8mm bf16 i8mm sve asimddp asimdhp
memory    14.6 GiB per slot, limited by host memory
slots     2 with 8 threads each""",
    "raspberry_pi4": """
cpu       aarch64, ARM cortex_a72
memory    3.5 GiB per slot, limited by host memory
slots     1 with 4 threads""",
    "container_v2": """
cpu       x86_64_v4, Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz, avx512_vnni
memory    3.8 GiB per slot, limited by cgroup / (memory.max)
slots     1 with 3 threads""",
    "docker_v1": """
cpu       x86_64_v4, Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz, avx512_vnni
memory    1.8 GiB per slot, limited by cgroup /docker/8f4c1e0b9a7d4c55 (memory.limit_in_bytes)
slots     1 with 2 threads""",
    "hybrid": """
cpu       x86_64_v3, Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz
memory    2.8 GiB per slot, limited by cgroup /batch.slice (memory.limit_in_bytes)
slots     1 with 1 thread""",
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_recorded_machine_is_measured(machine: Machine, name: str) -> None:
    assert describe(measure(machine(name), Caps())) == DESCRIPTIONS[name].strip().splitlines()


def test_an_advert_satisfies_what_the_cpu_really_has(machine: Machine) -> None:
    requirement = Requirement(cpu_level="x86_64_v4", memory_bytes=4 * GIB, cpu_features=frozenset({"amx_bf16", "sse3"}))
    assert satisfies(measure(machine("sapphire_rapids"), Caps()), requirement)
    assert not satisfies(measure(machine("sapphire_rapids"), Caps(cpu="x86_64_v4")), requirement)
    assert not satisfies(measure(machine("container_v2"), Caps()), requirement)


def test_caps_lower_every_part(machine: Machine) -> None:
    files = machine("sapphire_rapids")
    capability = measure(files, Caps(memory_bytes=16 * GIB, slots=4, threads=2, cpu="x86_64_v3"))
    assert describe(capability) == [
        "cpu       x86_64_v3, Intel(R) Xeon(R) Platinum 8480+",
        "memory    4.0 GiB per slot, limited by --memory",
        "slots     4 with 2 threads each",
    ]
    assert measure_cpu(files).level == "x86_64_v4"
    assert warnings(files, capability) == []


def test_more_threads_than_cores_is_a_warning(machine: Machine) -> None:
    files = machine("hybrid")
    assert measure_cores(files) == 1
    assert warnings(files, measure(files, Caps(threads=4))) == [
        "Slots and their threads are more than the cores: 1 x 4 = 4 threads for 1. "
        "They will wait for each other; lower --slots or --threads."
    ]


def test_a_limit_that_leaves_no_room_for_a_slot(machine: Machine) -> None:
    with pytest.raises(SettingsError, match=r"--slots 4: cgroup .* leaves 464 MiB for a slot"):
        measure(machine("docker_v1"), Caps(slots=4))


def test_the_machine_that_runs_this_test_is_measured() -> None:
    files = read_machine()
    capability = measure(files, Caps())
    assert capability.slots * capability.threads <= measure_cores(files)
    assert len(describe(capability)) == 3


def test_no_linux_no_worker(tmp_path: Path) -> None:
    with pytest.raises(MachineUnsupported, match="Linux only"):
        read_machine(tmp_path)
