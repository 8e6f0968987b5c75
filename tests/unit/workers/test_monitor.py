"""What a worker says of itself: counts that outlive its slots, and vitals off black boxes."""

from pathlib import Path

import pytest

from contract.memory import GIB, MIB
from tests.support.builders import capability
from workers.findings import Findings
from workers.memory.blackbox import Entry
from workers.memory.sample import MemorySample
from workers.monitor import Pace, vitals_of

MAIN = MemorySample(anon_bytes=90 * MIB, free_bytes=3 * GIB, tightest="host memory", at_s=0.0)


def entry(pid: int, **fields: object) -> Entry:
    return Entry(**{"pid": pid, "share_bytes": 2 * GIB, "anon_bytes": 300 * MIB, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("looks", "rates"),
    [
        pytest.param([], {}, id="nobody has looked yet"),
        pytest.param([(0, {7: {"a@1": 5}})], {}, id="one look is no rate"),
        pytest.param([(0, {}), (10, {7: {"a@1": 20}})], {"a@1": 2.0}, id="what was done between two looks"),
        pytest.param([(0, {7: {"a@1": 5}}), (10, {7: {"a@1": 5}})], {}, id="nothing was done"),
        pytest.param(
            [(0, {}), (10, {7: {"a@1": 20}, 8: {"a@1": 10, "b@2": 5}})], {"a@1": 3.0, "b@2": 0.5}, id="slots add up"
        ),
        pytest.param(
            [(0, {}), (10, {7: {"a@1": 20}}), (20, {8: {"a@1": 20}})], {"a@1": 2.0}, id="a slot died, another one began"
        ),
        pytest.param([(0, {}), (40, {7: {"a@1": 99}}), (100, {7: {"a@1": 159}})], {"a@1": 1.0}, id="the last minute"),
        pytest.param([(0, {}), (0.1, {7: {"a@1": 1}})], {"a@1": 1.0}, id="a moment is taken for a second"),
    ],
)
def test_images_per_second_lately(
    looks: list[tuple[float, dict[int, dict[str, int]]]], rates: dict[str, float]
) -> None:
    pace = Pace()
    for at_s, done in looks:
        pace.look(at_s, done)

    assert pace.images_per_s == rates


def test_images_of_slots_that_died_stay_counted() -> None:
    pace = Pace()
    for done in ({7: {"a@1": 5}}, {8: {"a@1": 2}}, {}, {9: {"b@2": 1}}):
        pace.look(0.0, done)

    assert pace.images == {"a@1": 7, "b@2": 1}


def test_few_looks_are_kept_however_long_it_runs() -> None:
    pace = Pace()
    for second in range(0, 3600, 2):
        pace.look(second, {7: {"a@1": second}})

    assert len(pace._seen) <= 32
    assert pace.images_per_s == {"a@1": 1.0}


@pytest.mark.parametrize(
    ("looks", "busy"),
    [
        pytest.param([], None, id="nobody has looked yet"),
        pytest.param([(0, 2)], None, id="one look is no time"),
        pytest.param([(0, 2), (2, 1)], 1.5, id="the mean of looks"),
        pytest.param([(0, 0), (58, 2), (119, 2)], 2.0, id="of the last minute"),
    ],
)
def test_how_many_slots_were_at_work_lately(looks: list[tuple[float, int]], busy: float | None) -> None:
    pace = Pace()
    for at_s, slots_busy in looks:
        pace.look(at_s, {}, slots_busy)

    assert pace.slots_busy == busy


def test_a_worker_with_a_busy_and_an_idle_slot(tmp_path: Path) -> None:
    found = Findings(capability("2g", slots=2), {}, tmp_path)
    found.kills["guard"] += 2
    busy = entry(7, stage="run", job="job", task="task", model="a@1", queue="detect.any.1g", attempt=1)
    busy = Entry(**{**vars(busy), "batch_images": 4, "peak_anon_bytes": 700 * MIB, "models": ("a@1",)})
    pace = Pace()
    pace.look(0.0, {7: {"a@1": 12}})

    vitals = vitals_of("w@yard", found, [busy, entry(8, done={"a@1": 3})], MAIN, pace, 61.234)

    assert (vitals.slots, vitals.slots_busy, vitals.up_s, vitals.draining) == (2, 1, 61.2, False)
    assert (vitals.memory_bytes, vitals.memory_limit_bytes) == (690 * MIB, 4 * GIB)
    assert (vitals.memory_free_bytes, vitals.memory_free_limited_by) == (3 * GIB, "host memory")
    assert (vitals.kills, vitals.images, vitals.models) == ({"guard": 2}, {"a@1": 12}, {"a@1": 1})
    first, second = vitals.each
    assert (first.stage, first.task, first.model, first.queue) == ("run", "task", "a@1", "detect.any.1g")
    assert (first.images_held, first.memory_bytes, first.memory_peak_bytes) == (4, 300 * MIB, 700 * MIB)
    assert (second.busy, second.images, second.memory_limit_bytes) == (False, 3, 2 * GIB)


def test_a_worker_that_leaves_drains(tmp_path: Path) -> None:
    found = Findings(capability(), {}, tmp_path)
    found.leave()

    assert vitals_of("w@yard", found, [], MAIN, Pace(), 1.0).draining
