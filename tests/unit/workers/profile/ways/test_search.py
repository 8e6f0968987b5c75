"""workers.profile.ways.search and what a profile makes of it. Speeds are given instead of measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.engine_plan import PLAIN, EnginePlan
from contract.memory import MIB
from tests.support.builders import spec
from tests.unit.workers.profile.test_plan import walk
from workers.profile import with_profile
from workers.profile.profile import conclude, streams_batch
from workers.profile.ways.protocol import Report, WayReport
from workers.profile.ways.search import Found, find_plan
from workers.profile.ways.thoroughness import Thoroughness

HERE, ELSEWHERE = "x86_64_v3-2t", "x86_64_v4-8t"
TWO = EnginePlan(streams=2, call_images=1)
TWO_STACKED = EnginePlan(streams=2, call_images=4)
TWO_FROZEN = EnginePlan(streams=2, call_images=1, frozen=True)


def found_with(speeds, *, against=None, unfit=lambda _ways: False):
    told = []

    def run(ways, _repeat_s):
        if unfit(ways):
            return None
        reports = [
            WayReport(way=way, images_per_s=speeds.get(way, 10.0), against=(against or {}).get(way, "")) for way in ways
        ]
        return Report(ways=tuple(reports), ready_bytes=len(ways) * 500 * MIB, running_bytes=1)

    found = find_plan(
        Path("nowhere"),
        spec(),
        machine=HERE,
        threads=2,
        bf16=False,
        batch=8,
        thoroughness=Thoroughness(repeat_s=1.0, timeout_s=10.0),
        on_progress=lambda way, timed: told.append((way, timed.images_per_s)),
        run=run,
    )
    return found, told


def test_streams_need_no_more_memory_than_is_known() -> None:
    found, told = found_with({TWO: 18.0})

    assert found.plan == TWO.model_copy(update={"machine": HERE, "speedup": 1.8})
    assert (found.images_per_s, found.exported_images_per_s) == (18.0, 10.0)
    assert told == [
        *[(PLAIN, 10.0), (TWO, 18.0), (TWO_STACKED, 10.0)],
        *[(PLAIN, 10.0), (TWO, 18.0), (TWO_FROZEN, 10.0), (TWO_FROZEN.model_copy(update={"call_images": 4}), 10.0)],
    ]


def test_what_a_frozen_graph_holds_is_seen_in_a_process_of_its_own() -> None:
    found, _ = found_with({TWO: 18.0, TWO_FROZEN: 27.0})

    assert found.plan == TWO_FROZEN.model_copy(update={"machine": HERE, "speedup": 2.7, "load_bytes": 500 * MIB})


def test_nothing_better() -> None:
    assert found_with({})[0] == Found(HERE, PLAIN, 10.0, 10.0)


@pytest.mark.parametrize("unfit", [lambda ways: TWO in ways, lambda ways: len(ways) > 1], ids=["streams", "two ways"])
def test_no_room_to_try_other_ways(unfit) -> None:
    assert found_with({TWO: 18.0}, unfit=unfit)[0] == Found(HERE, PLAIN, 0.0, 0.0)


def test_a_frozen_graph_that_fits_nowhere_leaves_the_streams() -> None:
    assert found_with({TWO: 18.0, TWO_FROZEN: 27.0}, unfit=lambda ways: TWO_FROZEN in ways)[0].plan.streams == 2
    assert not found_with({TWO: 18.0, TWO_FROZEN: 27.0}, unfit=lambda ways: TWO_FROZEN in ways)[0].plan.frozen


def test_a_frozen_graph_that_finds_something_else_is_refused() -> None:
    found, _ = found_with({TWO: 18.0, TWO_FROZEN: 90.0}, against={TWO_FROZEN: "class 1 is elsewhere"})

    assert (found.plan.frozen, found.plan.speedup) == (False, 1.8)


OLD, OTHER = TWO.model_copy(update={"machine": HERE}), TWO.model_copy(update={"machine": ELSEWHERE})


@pytest.mark.parametrize(
    ("speeds", "plans"),
    [
        pytest.param({TWO_FROZEN: 20.0, TWO: 15.0}, [OTHER.machine, HERE], id="takes the place of the old one"),
        pytest.param({}, [OTHER.machine], id="or nothing does"),
    ],
)
def test_the_plan_goes_into_the_spec(speeds, plans) -> None:
    before = spec("fresh", engine=[OLD.model_dump(), OTHER.model_dump()])
    found = replace(conclude(before, 2, walk(), {}), engine=found_with(speeds)[0])

    after = with_profile(before, found)

    assert [plan.machine for plan in after.engine] == plans
    assert OTHER in after.engine
    assert OLD not in after.engine


def test_a_profile_that_looked_for_no_plan_leaves_them() -> None:
    before = spec("fresh", engine=[OLD.model_dump(), OTHER.model_dump()])

    assert with_profile(before, conclude(before, 2, walk(), {})).engine == (OLD, OTHER)


def test_a_batch_keeps_every_stream_busy() -> None:
    # Given a model that is as fast with one image as with more
    taken = conclude(spec("fresh"), 2, walk(), {})
    assert taken.throughput.default_batch == 1

    # Then its default batch has images for the streams of its plan
    assert with_profile(spec("fresh"), replace(taken, engine=found_with({TWO: 18.0})[0])).throughput.default_batch == 8
    assert with_profile(spec("fresh"), replace(taken, engine=found_with({})[0])).throughput.default_batch == 1


@pytest.mark.parametrize(
    ("streams", "call_images", "measured", "batch"),
    [
        (1, None, [1, 4, 8], 1),
        (2, 1, [1, 4, 8, 16], 8),
        (2, 1, [1, 4, 24], 24),
        (8, 1, [1, 4, 8], 32),
        (2, 4, [8], 16),
        (2, 4, [8, 24], 24),
    ],
)
def test_the_batch_of_streams(streams, call_images, measured, batch) -> None:
    plan = EnginePlan(streams=streams, call_images=call_images)

    assert streams_batch(plan, {str(each): 10.0 for each in measured}) == batch
