import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.memory import GIB, MIB, format_bytes
from tests.support.wait import wait_until
from workers.memory.blackbox import BlackBox, Entry, read_entry, remove
from workers.memory.death import GUARD_EXIT, TIMEOUT_EXIT
from workers.memory.guard import Guard, Others, compare, default_floor_bytes, judge, next_look_s
from workers.memory.sample import MemorySample

SHARE = 1000 * MIB
FLOOR = 40 * MIB


def sample(anon_mib: float, free_mib: float) -> MemorySample:
    return MemorySample(int(anon_mib * MIB), int(free_mib * MIB), "host memory", 0.0)


@pytest.mark.parametrize(
    ("anon_mib", "free_mib", "busy", "others", "expected"),
    [
        pytest.param(500, 500, True, "less", "fine", id="plenty"),
        pytest.param(1000, 500, True, "less", "fine", id="exactly its share"),
        pytest.param(1001, 500, True, "less", "end", id="above its share"),
        pytest.param(1001, 500, True, "more", "end", id="above its share, whatever the others hold"),
        pytest.param(1001, 500, False, "less", "fine", id="above its share but idle"),
        pytest.param(500, 80, True, "less", "fine", id="twice the floor"),
        pytest.param(500, 79, True, "less", "short", id="below twice the floor"),
        pytest.param(500, 79, False, "less", "short", id="below twice the floor, idle"),
        pytest.param(500, 40, True, "less", "short", id="exactly the floor"),
        pytest.param(500, 39, True, "less", "end", id="below the floor"),
        pytest.param(500, 39, True, "more", "short", id="below the floor, another holds more"),
        pytest.param(500, 19, True, "more", "end", id="below half the floor, the other was too slow"),
        pytest.param(500, 0, False, "less", "short", id="nothing free, but idle: never ended"),
        pytest.param(500, 0, True, "ending", "short", id="nothing free, but another is ending already"),
        pytest.param(1001, 0, True, "ending", "end", id="above its share, though another is ending"),
    ],
)
def test_judgement(anon_mib: int, free_mib: int, busy: bool, others: Others, expected: str) -> None:
    taken = sample(anon_mib, free_mib)
    assert judge(taken, share_bytes=SHARE, floor_bytes=FLOOR, busy=busy, others=others) == expected


@pytest.mark.parametrize(
    ("limit_bytes", "floor"),
    [(GIB, "32 MiB"), (2 * GIB, "41 MiB"), (8 * GIB, "164 MiB"), (64 * GIB, "1.3 GiB")],
)
def test_the_floor(limit_bytes: int, floor: str) -> None:
    assert format_bytes(default_floor_bytes(limit_bytes)) == floor


@pytest.mark.parametrize(
    ("anon_mib", "free_mib", "busy", "expected_ms"),
    [
        pytest.param(100, 5000, True, 30, id="plenty"),
        pytest.param(100, 60, True, 9.8, id="20 MiB before the floor"),
        pytest.param(980, 5000, True, 9.8, id="20 MiB before its share"),
        pytest.param(999, 5000, True, 5, id="almost there"),
        pytest.param(1500, 10, True, 5, id="beyond"),
        pytest.param(1500, 10, False, 30, id="idle"),
    ],
)
def test_it_looks_sooner_when_memory_runs_out_sooner(
    anon_mib: int, free_mib: int, busy: bool, expected_ms: float
) -> None:
    pause_s = next_look_s(sample(anon_mib, free_mib), share_bytes=SHARE, floor_bytes=FLOOR, busy=busy, interval_s=0.03)
    assert pause_s * 1000 == pytest.approx(expected_ms, rel=0.01)


def other(pid: int, anon_bytes: int, **fields: object) -> Entry:
    return Entry(**{"pid": pid, "anon_bytes": anon_bytes, "stage": "run", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([], "less", id="alone"),
        pytest.param([other(9, 499), other(3, 100)], "less", id="others hold less"),
        pytest.param([other(9, 501)], "more", id="one holds more"),
        pytest.param([other(9, 501, stage="idle")], "less", id="one holds more, but idle"),
        pytest.param([other(9, 500)], "less", id="same, higher pid"),
        pytest.param([other(3, 500)], "more", id="same, lower pid"),
        pytest.param([other(9, 501), other(3, 100, ended_by="guard")], "ending", id="one ends itself"),
    ],
)
def test_the_other_slots(others: list[Entry], expected: Others) -> None:
    assert compare(500, pid=5, others=others) == expected


class Dial:
    """A sampler whose reading the test sets."""

    def __init__(self) -> None:
        self.reading = sample(500, 500)
        self.looks = 0
        self.raises: BaseException | None = None

    def sample(self) -> MemorySample:
        self.looks += 1
        if self.raises is not None:
            raise self.raises
        return self.reading

    def seen(self) -> None:
        """Waits until what is set now has been looked at."""
        before = self.looks
        wait_until(lambda: self.looks >= before + 2, that="the guard looks again")


class Watched:
    """A guard at work, with what it did."""

    def __init__(self, directory: Path) -> None:
        self.dial = Dial()
        self.box = BlackBox(directory, os.getpid(), share_bytes=SHARE)
        self.ended: list[int] = []
        self.told: list[bool] = []
        self.guard = Guard(
            self.dial,  # type: ignore[arg-type]
            self.box,
            SHARE,
            FLOOR,
            interval_s=0.005,
            on_short=self.told.append,
            end=self.ended.append,
        )

    def reads(self, anon_mib: float, free_mib: float) -> None:
        self.dial.reading = sample(anon_mib, free_mib)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    with watched.guard:
        yield watched
    watched.box.close()


def test_the_black_box_is_current(watched: Watched) -> None:
    assert watched.box.entry.anon_bytes == 500 * MIB  # from the start on

    watched.reads(700, 300)
    watched.dial.seen()

    entry = read_entry(watched.box.directory, os.getpid())
    assert entry is not None
    assert (entry.anon_bytes, entry.free_bytes, entry.tightest) == (700 * MIB, 300 * MIB, "host memory")


@pytest.mark.parametrize(("anon_mib", "free_mib"), [(500, 10), (1001, 500)], ids=["floor", "share"])
def test_an_attempt_is_ended_with_its_last_words(watched: Watched, anon_mib: int, free_mib: int) -> None:
    watched.box.begin("job", "task", 1, 8)
    watched.box.enter("run", [1, 2])

    watched.reads(anon_mib, free_mib)

    wait_until(lambda: watched.ended)
    entry = read_entry(watched.box.directory, os.getpid())
    assert watched.ended == [GUARD_EXIT]
    assert entry is not None
    assert (entry.ended_by, entry.batch, entry.anon_bytes) == ("guard", (1, 2), anon_mib * MIB)


def test_an_idle_slot_is_never_ended(watched: Watched) -> None:
    watched.guard.set_deadline(time.monotonic() - 1)
    watched.reads(1500, 0)
    watched.dial.seen()

    assert watched.ended == []
    assert watched.guard.short


def test_the_slot_that_holds_more_ends_first(watched: Watched) -> None:
    # Given a neighbour that lives, is busy and holds more
    neighbour = BlackBox(watched.box.directory, os.getppid())
    neighbour.begin("job", "other", 1, 8)
    neighbour.observe(sample(800, 30))
    watched.box.begin("job", "task", 1, 8)

    # When memory is short, then this slot waits for the other one to end
    watched.reads(500, 30)
    watched.dial.seen()
    assert watched.ended == []

    # Nor does it end, with even less free, while the other one's memory is on its way back
    neighbour.end("guard")
    watched.reads(500, 5)
    watched.dial.seen()
    assert watched.ended == []

    # And when that one is gone and memory is still short, it ends too
    remove(watched.box.directory, os.getppid())
    wait_until(lambda: watched.ended == [GUARD_EXIT])
    neighbour.close()


def test_a_deadline_ends_a_running_attempt(watched: Watched) -> None:
    watched.box.begin("job", "task", 1, 8)
    watched.guard.set_deadline(time.monotonic() + 3600)
    watched.dial.seen()
    assert watched.ended == []

    watched.guard.set_deadline(time.monotonic())

    wait_until(lambda: watched.ended)
    assert watched.ended == [TIMEOUT_EXIT]
    assert watched.box.entry.ended_by == "timeout"


def test_the_intake_is_told_when_memory_is_short_and_when_it_is_fine(watched: Watched) -> None:
    for free_mib in (500, 79, 60, 500, 500):
        watched.reads(500, free_mib)
        watched.dial.seen()

    assert watched.told == [True, False]


def test_waiting_until_memory_is_fine(watched: Watched) -> None:
    assert watched.guard.wait_until_fine(0)

    watched.reads(500, 60)
    wait_until(lambda: watched.guard.short)
    assert not watched.guard.wait_until_fine(0.01)

    watched.reads(500, 500)
    assert watched.guard.wait_until_fine(10)


def test_the_peak_since_the_mark(watched: Watched) -> None:
    for anon_mib in (900, 600):
        watched.reads(anon_mib, 500)
        watched.dial.seen()
    assert watched.guard.peak_since_mark() == 900 * MIB

    watched.guard.mark()
    assert watched.guard.peak_since_mark() == 600 * MIB
    watched.reads(650, 500)
    watched.dial.seen()
    assert watched.guard.peak_since_mark() == 650 * MIB


@pytest.mark.parametrize("error", [MemoryError(), OSError("proc is away")])
def test_a_look_that_fails_is_followed_by_another(
    watched: Watched, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    watched.box.begin("job", "task", 1, 8)
    watched.dial.raises = error
    watched.dial.seen()

    watched.dial.raises = None
    watched.reads(1500, 0)

    wait_until(lambda: watched.ended == [GUARD_EXIT])
    assert any("could not look" in record.message for record in caplog.records) == isinstance(error, OSError)


def test_a_stopped_guard_ends_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    with watched.guard:
        pass
    watched.box.begin("job", "task", 1, 8)
    watched.reads(1500, 0)
    looks = watched.dial.looks

    watched.guard.stop()

    assert (watched.dial.looks, watched.ended) == (looks, [])
