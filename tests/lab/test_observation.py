"""What is seen of a slot's death when the kernel really kills, and the guard that is there before it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.memory import MIB
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.wait import wait_until
from workers.memory.blackbox import read_entry
from workers.memory.death import GUARD_EXIT, TIMEOUT_EXIT, Death, DeathEvidence, classify
from workers.memory.oom import OomCounter, killed_since
from workers.memory.sample import Sampler

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
LIMIT_BYTES = 256 * MIB
Child = subprocess.Popen[str]
Start = Callable[..., Child]


@pytest.fixture
def cgroup() -> Iterator[MemoryCgroup]:
    with memory_cgroup(LIMIT_BYTES) as group:
        yield group


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `tests.support.memory_child`, in a cgroup or outside."""
    children: list[Child] = []

    def start(action: str, *options: str, inside: MemoryCgroup | None = None) -> Child:
        command = [sys.executable, "-m", "tests.support.memory_child", "--boxes", str(tmp_path), *options, action]
        popen: Callable[..., Child] = subprocess.Popen if inside is None else inside.run
        child = popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def told(child: Child) -> dict[str, Any]:
    """The child's own reading, which it prints as soon as it holds what it was told to hold."""
    assert child.stdout is not None
    reading: dict[str, Any] = json.loads(child.stdout.readline())
    return reading


def death_of(child: Child, boxes: Path, *, others: tuple[Child, ...] = (), **evidence: Any) -> Death:
    code = child.wait(30)
    entries = [read_entry(boxes, other.pid) for other in others]
    return classify(
        DeathEvidence(
            signal=-code if code < 0 else None,
            exit_code=code if code >= 0 else None,
            entry=read_entry(boxes, child.pid),
            others_anon_bytes=tuple(entry.anon_bytes for entry in entries if entry is not None),
            **evidence,
        )
    )


def test_killed_by_the_kernel(cgroup: MemoryCgroup, start: Start, tmp_path: Path) -> None:
    # Given a small neighbour in the same cgroup
    neighbour = start("wait", inside=cgroup)
    told(neighbour)
    counter = OomCounter(neighbour.pid)
    before = counter.read()

    # When a process takes what there is, and nobody ends it before the kernel does
    hog = start("grow", "--share-mib", "200", inside=cgroup)
    hog.wait(30)

    # Then the kernel's count says so, and what the process did is on record
    oom = killed_since(before, counter.read())
    death = death_of(hog, tmp_path, others=(neighbour,), oom=oom)
    assert oom == "group"
    assert (death.verdict, death.victim, death.stage, death.batch) == ("memory", False, "run", (3, 4, 5))
    assert death.detail.startswith("SIGKILL by the kernel, ")
    assert death.detail.endswith(" of 200 MiB")
    # And the neighbour lives
    assert neighbour.poll() is None
    assert cgroup.oom_kills == 1


def test_the_neighbour_that_the_kernel_picks_instead_is_a_victim(
    cgroup: MemoryCgroup, start: Start, tmp_path: Path
) -> None:
    # Given a small neighbour that the kernel was told to kill first, and a process that holds half of the memory
    neighbour = start("wait", "--oom-score-adj", "1000", "--share-mib", "120", inside=cgroup)
    told(neighbour)
    counter = OomCounter(neighbour.pid)
    before = counter.read()

    hog = start("grow", "--share-mib", "120", inside=cgroup)

    neighbour.wait(30)
    death = death_of(neighbour, tmp_path, others=(hog,), oom=killed_since(before, counter.read()))
    assert (death.verdict, death.victim) == ("memory", True)
    assert death.detail.endswith(" of 120 MiB, another slot held more")


def test_the_guard_is_there_before_the_kernel(cgroup: MemoryCgroup, start: Start, tmp_path: Path) -> None:
    # Given a share that the cgroup does not have, so that what is free decides
    hog = start("grow", "--guarded", "--paced", "--share-mib", "1000", "--floor-mib", "64", inside=cgroup)

    death = death_of(hog, tmp_path)

    assert hog.returncode == GUARD_EXIT
    assert cgroup.oom_kills == 0
    assert (death.verdict, death.victim, death.batch) == ("memory", False, (3, 4, 5))
    entry = read_entry(tmp_path, hog.pid)
    assert entry is not None
    assert entry.ended_by == "guard"
    assert (
        entry.tightest
        == f"cgroup /{cgroup.path.name} ({'memory.limit_in_bytes' if cgroup.version == 1 else 'memory.max'})"
    )
    assert entry.free_bytes < 64 * MIB
    assert LIMIT_BYTES - 64 * MIB - entry.anon_bytes < 64 * MIB  # what was free and what was held make up the limit


def test_the_guard_keeps_a_slot_to_its_share(start: Start, tmp_path: Path) -> None:
    hog = start("grow", "--guarded", "--paced", "--share-mib", "120")

    death = death_of(hog, tmp_path)

    assert (hog.returncode, death.verdict) == (GUARD_EXIT, "memory")
    entry = read_entry(tmp_path, hog.pid)
    assert entry is not None
    assert 120 * MIB < entry.anon_bytes < 400 * MIB


def test_the_larger_of_two_guarded_slots_ends_and_the_other_goes_on(
    cgroup: MemoryCgroup, start: Start, tmp_path: Path
) -> None:
    options = ("--guarded", "--share-mib", "1000", "--floor-mib", "64")
    small = start("wait", *options, inside=cgroup)
    told(small)

    hog = start("grow", *options, "--paced", "--take-mib", "40", inside=cgroup)

    assert death_of(hog, tmp_path, others=(small,)).verdict == "memory"
    assert (hog.returncode, small.poll(), cgroup.oom_kills) == (GUARD_EXIT, None, 0)


def test_a_deadline(start: Start, tmp_path: Path) -> None:
    child = start("wait", "--guarded", "--share-mib", "1000", "--deadline-s", "0.05", "--floor-mib", "1")

    death = death_of(child, tmp_path)

    assert (child.returncode, death.verdict, death.batch) == (TIMEOUT_EXIT, "timeout", (3, 4, 5))


def test_kill_minus_9_by_hand_is_no_memory_failure(cgroup: MemoryCgroup, start: Start, tmp_path: Path) -> None:
    child = start("wait", inside=cgroup)
    told(child)
    counter = OomCounter(child.pid)
    before = counter.read()

    child.send_signal(signal.SIGKILL)
    child.wait(30)

    # The machine's other tenants may have been killed meanwhile; our own count has not moved.
    oom = killed_since(before, counter.read())
    assert oom != "group"
    death = death_of(child, tmp_path, oom=oom)
    assert (death.verdict, death.victim) == ("crash", False)
    assert death.detail.startswith("SIGKILL, but not by the kernel for memory")


@pytest.mark.parametrize("action", ["segv", "abort"])
def test_the_same_signal_at_an_address_space_limit_and_far_from_it(start: Start, tmp_path: Path, action: str) -> None:
    # Given a process that may still map 100 MiB, and one without a limit
    limited, free = start(action, "--room-mib", "100"), start(action, "--share-mib", "100000")

    at_the_limit, elsewhere = death_of(limited, tmp_path), death_of(free, tmp_path)

    name = {"segv": "SIGSEGV", "abort": "SIGABRT"}[action]
    assert (at_the_limit.verdict, elsewhere.verdict) == ("memory", "crash")
    assert at_the_limit.detail.startswith(f"{name} at the memory limit, ")
    assert elsewhere.detail.startswith(f"{name}, ")


def test_a_memory_error_at_an_address_space_limit_is_survived_and_seen_coming(start: Start) -> None:
    child = start("until-memory-error", "--room-mib", "200")

    before, after = told(child), told(child)

    assert child.wait(30) == 0
    assert before["tightest"] == "RLIMIT_AS"
    assert before["free_bytes"] < 200 * MIB
    # All was given back.
    assert abs(after["free_bytes"] - before["free_bytes"]) < 16 * MIB


def test_file_pages_do_not_count_as_used(cgroup: MemoryCgroup, start: Start, tmp_path: Path) -> None:
    # Given a process that holds 64 MiB and has written a file of 400 MiB, more than its cgroup allows
    child = start(
        "wait", "--take-mib", "64", "--cache-file", str(tmp_path / "file"), "--cache-mib", "400", inside=cgroup
    )

    reading = told(child)

    if not _on_disk(tmp_path):
        pytest.skip(f"{tmp_path} lies in memory: its pages cannot be dropped")
    assert reading["tightest"].startswith(f"cgroup /{cgroup.path.name}")
    assert reading["free_bytes"] + reading["anon_bytes"] > LIMIT_BYTES - 32 * MIB
    assert cgroup.oom_kills == 0
    used_name = "memory.usage_in_bytes" if cgroup.version == 1 else "memory.current"
    assert int((cgroup.path / used_name).read_text()) > LIMIT_BYTES - 32 * MIB


def test_samples_of_another_process_follow_what_it_takes(cgroup: MemoryCgroup, start: Start) -> None:
    child = start("wait", "--take-mib", "100", inside=cgroup)
    own = told(child)

    sample = Sampler(child.pid).sample()

    assert abs(sample.anon_bytes - own["anon_bytes"]) < 8 * MIB
    assert sample.tightest == own["tightest"]
    assert sample.at_s <= time.monotonic()


def _on_disk(path: Path) -> bool:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=True).stdout
    return kind.strip() not in ("tmpfs", "ramfs")


@pytest.mark.parametrize("at_mib", [60, 90, 130])
def test_a_black_box_is_whole_whenever_its_process_is_killed(start: Start, tmp_path: Path, at_mib: int) -> None:
    child = start("grow", "--guarded", "--share-mib", "1500", "--floor-mib", "1")

    def holds() -> bool:
        entry = read_entry(tmp_path, child.pid)
        return entry is not None and entry.anon_bytes > at_mib * MIB

    wait_until(holds, that=f"the child holds {at_mib} MiB")
    child.kill()
    child.wait(30)

    entry = read_entry(tmp_path, child.pid)
    assert entry is not None
    assert (entry.stage, entry.batch) == ("run", (3, 4, 5))
    assert entry.anon_bytes > at_mib * MIB
