import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.memory import MIB
from workers.memory.blackbox import HALF_BYTES, BlackBox, _whole, make_directory, read_all, read_entry, remove
from workers.memory.sample import MemorySample

SAMPLE = MemorySample(anon_bytes=700 * MIB, free_bytes=90 * MIB, tightest="cgroup /a (memory.max)", at_s=1.0)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[BlackBox]:
    box = BlackBox(tmp_path, 4711, share_bytes=1024 * MIB)
    yield box
    box.close()


def read(box: BlackBox):
    entry = read_entry(box.directory, box.entry.pid)
    assert entry is not None
    return entry


def test_a_new_box_says_idle(box: BlackBox) -> None:
    entry = read(box)

    assert entry == box.entry
    assert (entry.pid, entry.stage, entry.busy, entry.share_bytes) == (4711, "idle", False, 1024 * MIB)
    assert entry.written_s > 1e9


def test_an_attempt_from_begin_to_rest(box: BlackBox) -> None:
    box.begin("job", "task", attempt=2, batch_size=16)
    assert (read(box).task, read(box).attempt, read(box).stage, read(box).batch) == ("task", 2, "load", ())

    box.enter("decode", [5, 6, 7, 20])
    box.promise(300 * MIB, anon_bytes=500 * MIB)
    box.observe(SAMPLE)
    box.enter("run")

    entry = read(box)
    assert (entry.stage, entry.batch, entry.batch_images, entry.batch_size) == ("run", (5, 6, 7, 20), 4, 16)
    assert (entry.promised_bytes, entry.anon_at_promise_bytes) == (300 * MIB, 500 * MIB)
    assert (entry.anon_bytes, entry.free_bytes, entry.tightest) == (700 * MIB, 90 * MIB, "cgroup /a (memory.max)")

    assert entry.companions == {}

    box.rest()
    entry = read(box)
    assert (entry.job, entry.task, entry.attempt, entry.stage, entry.batch) == ("", "", 0, "idle", ())
    assert (entry.promised_bytes, entry.batch_images, entry.anon_bytes) == (0, 0, 700 * MIB)


def test_tasks_that_are_run_together_are_named_until_the_attempt_is_over(box: BlackBox) -> None:
    box.begin("job", "task", attempt=1, batch_size=16, companions={"b": 1, "c": 1})
    box.enter("run", [0, 1, 2])
    assert read(box).companions == {"b": 1, "c": 1}

    box.rest()
    assert read(box).companions == {}


def test_the_peak_counts_from_the_last_mark(box: BlackBox) -> None:
    def holds(amount: int) -> int:
        box.observe(MemorySample(amount, 0, "", 0.0))
        return box.entry.peak_anon_bytes

    assert [holds(amount) for amount in (5, 9, 7)] == [5, 9, 9]
    box.mark(7)
    assert [holds(amount) for amount in (6, 8)] == [7, 8]


def test_last_words(box: BlackBox) -> None:
    box.end("guard")

    assert read(box).ended_by == "guard"


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(range(4096), id="a run"),
        pytest.param(range(0, 2 * 4096 * 10**6, 2 * 10**6), id="no two in a row, of ten digits"),
        pytest.param([9, 3, 4, 5, 1], id="in no order"),
        pytest.param([0], id="one"),
    ],
)
def test_batches_come_back_whole(box: BlackBox, batch: range | list[int]) -> None:
    box.enter("run", batch)

    assert read(box).batch == tuple(batch)
    assert read(box).batch_images == len(batch)


def test_a_batch_beyond_all_bounds_is_cut_and_counted(box: BlackBox) -> None:
    batch = range(0, 100_000, 2)

    box.enter("run", batch)

    entry = read(box)
    assert entry.batch_images == 50_000
    assert 4096 < len(entry.batch) < 50_000
    assert entry.batch == tuple(batch)[: len(entry.batch)]
    assert (box.directory / "4711").stat().st_size <= 2 * HALF_BYTES


def test_a_long_batch_and_many_models_go_into_a_half(box: BlackBox) -> None:
    models = [f"{number:064}@{number:032}" for number in range(80)]
    box.begin(*("j" * 64, "t" * 64), 1, 4096, companions={f"{number:064}": 1 for number in range(15)})
    box.enter("run", range(0, 100_000, 2))
    box.hold(models)

    for model in models:
        box.count(model, 10_000_000)

    assert len(read(box).done) == 80
    # Neither half has run into the other one
    halves = (box.directory / "4711").read_bytes()
    assert [_whole(halves[start : start + HALF_BYTES]) is not None for start in (0, HALF_BYTES)] == [True, True]


def test_a_write_that_was_torn_costs_only_itself(box: BlackBox) -> None:
    # Given an entry, and a newer one of which the end is missing
    box.enter("decode", [1])
    box.enter("run", [1, 2])
    data = bytearray((box.directory / "4711").read_bytes())
    newer = data.index(b'"stage":"run"')
    data[newer + 40 : newer + 60] = bytes(20)
    (box.directory / "4711").write_bytes(data)

    # Then the older one counts
    entry = read(box)
    assert (entry.stage, entry.batch) == ("decode", (1,))


@pytest.mark.parametrize("content", [b"", b"\0" * 10, b"\0" * 2 * HALF_BYTES, os.urandom(2 * HALF_BYTES)])
def test_a_file_that_is_no_box(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1").write_bytes(content)

    assert read_entry(tmp_path, 1) is None
    assert read_all(tmp_path) == []


def test_readers_see_whole_entries_while_two_threads_write(box: BlackBox) -> None:
    # Given a guard that observes and a task that enters batches whose first index tells their length
    stop = threading.Event()

    def observe() -> None:
        while not stop.is_set():
            box.observe(SAMPLE)

    def enter() -> None:
        turn = 0
        while not stop.is_set():
            turn = turn % 500 + 1
            box.enter("run", range(turn, 3 * turn, 2))

    threads = [threading.Thread(target=observe), threading.Thread(target=enter)]
    for thread in threads:
        thread.start()

    # When it is read all the time, then what is read is never missing and never mixed
    try:
        for _ in range(300):
            entry = read(box)
            assert len(entry.batch) == entry.batch_images
            assert entry.batch == () or len(entry.batch) == entry.batch[0]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_all_boxes_of_a_directory(tmp_path: Path) -> None:
    boxes = [BlackBox(tmp_path, pid) for pid in (30, 4)]
    (tmp_path / "lock").touch()

    assert [entry.pid for entry in read_all(tmp_path)] == [4, 30]

    remove(tmp_path, 4)
    remove(tmp_path, 4)
    assert [entry.pid for entry in read_all(tmp_path)] == [30]
    assert read_entry(tmp_path, 4) is None
    assert read_all(tmp_path / "nowhere") == []
    for box in boxes:
        box.close()


def test_a_new_process_of_the_same_pid_starts_anew(tmp_path: Path) -> None:
    old = BlackBox(tmp_path, 30)
    for _ in range(5):
        old.enter("run", [1])
    old.close()

    new = BlackBox(tmp_path, 30)

    assert read(new).stage == "idle"
    new.close()


def test_a_box_that_cannot_be_written_costs_no_work(box: BlackBox, caplog: pytest.LogCaptureFixture) -> None:
    box.close()

    box.enter("run", [1])
    box.enter("record")

    assert box.entry.stage == "record"
    assert len(caplog.records) == 1


def test_only_the_user_may_look_into_the_directory() -> None:
    directory = make_directory()
    try:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    finally:
        directory.rmdir()


def test_models_and_images_outlive_an_attempt(box: BlackBox) -> None:
    box.hold(["a@1", "b@2"])
    box.begin("job", "task", 1, 8, model="b@2", queue="detect.any.1g")
    box.count("b@2", 8)
    box.count("b@2", 3)
    assert (read(box).model, read(box).queue) == ("b@2", "detect.any.1g")

    box.rest()

    entry = read(box)
    assert (entry.models, entry.done, entry.model, entry.queue) == (("a@1", "b@2"), {"b@2": 11}, "", "")
