"""How fast images come back, by what a gateway sees."""

import pytest

from producer.gateway.pace import Pace


def busy(from_s: float, seconds: float, every_s: float, on_the_way: int = 100, pace: Pace | None = None) -> Pace:
    """Another one is sent whenever one comes back, which is `every_s`. Two slots."""
    if pace is None:
        pace = Pace(from_s)
    pace.sent(from_s, on_the_way - pace.on_the_way, slots=2)
    for step in range(1, round(seconds / every_s) + 1):
        pace.ended(from_s + step * every_s, 1, done=1)
        pace.sent(from_s + step * every_s, 1, slots=2)
    return pace


@pytest.mark.parametrize("every_s", [0.01, 0.1, 2.0])
def test_what_comes_back_while_many_are_on_the_way(every_s: float) -> None:
    assert busy(1000.0, 60, every_s).images_per_s(1060.0) == pytest.approx(1 / every_s, rel=0.1)


def test_nothing_is_said_before_enough_was_seen() -> None:
    assert Pace(0.0).images_per_s(100.0) is None
    assert busy(0.0, 2, 0.1).images_per_s(2.0) is None


def test_where_nothing_comes_back_it_is_at_most_so_fast() -> None:
    pace = Pace(0.0)
    pace.sent(0.0, 50, slots=1)
    pace.ended(8.0, 1, done=0)

    assert pace.images_per_s(8.0) == pytest.approx(1 / 8)


@pytest.mark.parametrize("on_the_way", [1, 4])
def test_with_few_on_the_way_it_is_who_asks_that_decides_and_so_it_does_not_count(on_the_way: int) -> None:
    pace = busy(0.0, 20, 0.1)
    fast = pace.images_per_s(20.0)
    busy(20.0, 40, 5.0, on_the_way, pace)

    assert pace.images_per_s(60.0) == pytest.approx(fast)


def test_a_fleet_that_has_become_slower_is_seen_as_such_within_seconds() -> None:
    pace = busy(0.0, 60, 0.05)
    busy(60.0, 20, 0.5, pace=pace)

    assert 2 < (pace.images_per_s(80.0) or 0) < 8  # was 20, is 2


def test_what_is_long_ago_is_forgotten() -> None:
    pace = busy(0.0, 20, 0.1)

    assert pace.images_per_s(79.0) is not None
    assert pace.images_per_s(81.0) is None
