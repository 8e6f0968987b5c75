"""The picture of docs/performance.md."""

from pathlib import Path

import pytest

from benchmarks.claims import Speed
from benchmarks.picture import captions, draw, is_ours, panels

MIXED = [Speed("mixed", "loop", 10.0), Speed("mixed", "vedette", 40.0), Speed("mixed", "vedette, exact", 20.0)]
SMALL = [Speed("small", "loop", 30.0), Speed("small", "mosec", 60.0)]


def test_each_comparison_has_a_panel_with_its_fastest_first() -> None:
    found = panels([MIXED[0], SMALL[0], *MIXED[1:], SMALL[1]])

    assert [[each.name for each in panel] for panel in found] == [
        ["vedette", "vedette, exact", "loop"],
        ["mosec", "loop"],
    ]


def test_bars_of_others_say_how_many_times_as_fast_vedette_is() -> None:
    assert captions(MIXED) == ["10.0   4.00×", "40.0", "20.0"]
    assert captions(SMALL) == ["30.0", "60.0"]  # nothing of ours to compare with


def test_ours_are_all_ways_to_ask_vedette() -> None:
    assert [is_ours(Speed("", name, 1)) for name in ("vedette", "vedette, http", "celery")] == [True, True, False]


def test_the_same_speeds_give_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "images" / "a.svg", tmp_path / "b.svg"

    draw(MIXED + SMALL, first)
    draw(MIXED + SMALL, second)

    assert first.read_bytes() == second.read_bytes()
    assert b"<svg" in first.read_bytes()
