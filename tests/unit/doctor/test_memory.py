"""Limits and who sets them, swap, overcommit: recorded machines, and what changes when one file says otherwise."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from contract.capability import Capability
from contract.memory import GIB
from tests.support.builders import capability
from workers.doctor.examine import capability_of
from workers.doctor.facts import Machine
from workers.doctor.finding import Finding
from workers.doctor.memory import memory_findings, who_sets
from workers.memory.oom import OomCounts
from workers.memory.sample import MemorySample

Recorded = Callable[[str], Machine]

SWAPS = """Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/sda5                               partition\t8388604\t\t4194304\t\t-2
"""


def findings(machine: Machine, planned: Capability | None = None) -> dict[str, Finding]:
    offered = planned or capability_of(machine)
    assert isinstance(offered, Capability)
    return {finding.code: finding for finding in memory_findings(machine, offered)}


def saying(machine: Machine, **meminfo_kib: int) -> Machine:
    text = machine.files.meminfo
    for name, kib in meminfo_kib.items():
        text = re.sub(rf"^{name}:.*\n", "", text, flags=re.MULTILINE) + f"{name}: {kib} kB\n"
    return replace(machine, files=replace(machine.files, meminfo=text))


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("westmere", ["host memory"]),
        ("container_v2", ["host memory", "cgroup / (memory.max)"]),
        (
            "ryzen_desktop",
            ["host memory", "cgroup /user.slice/user-1000.slice (memory.high)"],
        ),
    ],
)
def test_every_limit_is_told_from_the_host_inwards(machine: Recorded, name: str, sources: list[str]) -> None:
    limits = findings(machine(name))["memory_limits"]
    assert [limit["source"] for limit in limits.numbers["limits"]] == sources
    assert limits.seen.endswith(f"; {limits.numbers['decides']} decides")
    assert all("; set by " in line for line in limits.details)


@pytest.mark.parametrize("name", ["container_v2", "docker_v1", "hybrid", "raspberry_pi4", "ryzen_desktop", "graviton3"])
def test_the_limit_that_decides_is_the_one_that_the_plan_goes_by(machine: Recorded, name: str) -> None:
    planned = capability_of(machine(name))
    assert isinstance(planned, Capability)
    limits = findings(machine(name))["memory_limits"].numbers
    decides = next(limit for limit in limits["limits"] if limit["source"] == limits["decides"])
    assert limits["decides"] == planned.memory_limited_by
    assert decides["usable_bytes"] // planned.slots == planned.memory_per_slot_bytes


def test_process_limits_are_listed_with_what_a_slot_maps_in_vain(machine: Recorded) -> None:
    narrow = machine("westmere")
    narrow = replace(narrow, files=replace(narrow.files, rlimit_as_bytes=4 * GIB))
    limits = findings(narrow)["memory_limits"]
    assert limits.numbers["decides"] == "RLIMIT_AS"
    assert limits.details[-1] == (
        "RLIMIT_AS: 4.0 GiB, less 2.0 GiB mapped but not used = 2.0 GiB; set by ulimit -v, or LimitAS= of a systemd "
        "service"
    )


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ("host memory", "hypervisor"),
        ("RLIMIT_DATA", "ulimit -d"),
        ("cgroup / (memory.max)", "docker run --memory"),
        ("cgroup /docker/abc (memory.limit_in_bytes)", "docker run --memory"),
        ("cgroup /kubepods.slice/kubepods-pod1.slice (memory.max)", "resources.limits.memory"),
        ("cgroup /system.slice/vedette.service (memory.high)", "MemoryHigh="),
        ("cgroup /lab (memory.max)", "whoever made that cgroup"),
    ],
)
def test_who_sets_a_limit(source: str, who: str) -> None:
    assert who in who_sets(source)


def test_a_gibibyte_is_little_and_the_queues_are_named(machine: Recorded) -> None:
    small = findings(
        machine("westmere"), capability("832m", memory_limited_by="cgroup /docker/abc (memory.limit_in_bytes)")
    )["memory_small"]
    assert small.level == "warning"
    assert small.seen == (
        "a worker here has 1 slot of 832 MiB with 2 threads, limited by cgroup /docker/abc (memory.limit_in_bytes)."
    )
    assert small.numbers["tiers"] == ["512m"]
    assert "docker run --memory" in small.remedy


@pytest.mark.parametrize(("free_gib", "code"), [(20, "memory_free"), (3, "memory_short")])
def test_what_is_free_now_against_what_is_planned(machine: Recorded, free_gib: int, code: str) -> None:
    busy = replace(machine("westmere"), now=MemorySample(0, free_gib * GIB, "host memory", 0))
    found = findings(busy)
    assert code in found
    assert found[code].numbers["free_bytes"] == free_gib * GIB


def test_four_gibibytes_of_swap_in_use(machine: Recorded) -> None:
    swapping = replace(saying(machine("westmere"), SwapTotal=8388604, SwapFree=4194300), swaps=SWAPS)
    swap = findings(swapping)["swap_in_use"]
    assert swap.level == "warning"
    assert swap.seen == "4.0 GiB of 8.0 GiB of swap in use."
    assert swap.why.startswith("A detector that swaps is slower than none")
    assert swap.details == ("/dev/sda5: 4.0 GiB of 8.0 GiB",)
    assert swap.numbers == {"total_bytes": 8388604 * 1024, "used_bytes": 4 * GIB}


@pytest.mark.parametrize(
    ("total_kib", "free_kib", "seen"),
    [
        (0, 0, "no swap"),
        (4194300, 4194300, "0 MiB of 4.0 GiB of swap in use; never counted as memory"),
        (4194304, 4194304 - 100 * 1024, "100 MiB of 4.0 GiB of swap in use; never counted as memory"),
    ],
)
def test_swap_at_rest_is_no_warning(machine: Recorded, total_kib: int, free_kib: int, seen: str) -> None:
    swap = findings(saying(machine("westmere"), SwapTotal=total_kib, SwapFree=free_kib))["swap"]
    assert (swap.level, swap.seen) == ("ok", seen)


def test_strict_overcommit(machine: Recorded) -> None:
    strict = replace(saying(machine("westmere"), CommitLimit=16777216, Committed_AS=8388608), overcommit_memory=2)
    found = findings(strict)["overcommit_off"]
    assert found.level == "warning"
    assert found.seen == "vm.overcommit_memory is 2: 8.0 GiB of 16.0 GiB promised."


@pytest.mark.parametrize(
    ("oom", "codes"),
    [
        (OomCounts(group=0, host=3), set()),
        (OomCounts(group=2, host=3), {"oom_kills"}),
        (OomCounts(group=None, host=3), {"oom_count_unreadable"}),
        (OomCounts(), {"oom_count_unreadable"}),
    ],
)
def test_the_kernels_kills(machine: Recorded, oom: OomCounts, codes: set[str]) -> None:
    found = findings(replace(machine("westmere"), oom=oom))
    assert {code for code in found if code.startswith("oom")} == codes
