"""vedette.fleet.deadline: deadlines as people write them."""

from datetime import datetime, timedelta, timezone

import pytest

from vedette.fleet.deadline import until, within

ZURICH = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 24, 15, 30, tzinfo=ZURICH)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("2h", 120), ("90m", 90), ("45 min", 45), ("1h30m", 90), ("1.5 H", 90), (" 1 h 5 min ", 65), ("0.5m", 0.5)],
)
def test_from_now(text: str, minutes: float) -> None:
    assert within(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "soon", "2", "0h", "-1h", "1d", "2h 1h", "18:00", "99999h"])
def test_what_is_no_time_from_now(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time from now; write for example 2h, 90m or 1h30m"):
        within(text)


@pytest.mark.parametrize(
    ("text", "remaining"),
    [
        ("18:00", timedelta(hours=2, minutes=30)),
        ("15:30", timedelta(days=1)),
        ("6:05", timedelta(hours=14, minutes=35)),
        ("2026-11-25T06:00", timedelta(hours=14, minutes=30)),
        ("2026-11-24T15:00Z", timedelta(minutes=30)),
    ],
)
def test_time_of_day(text: str, remaining: timedelta) -> None:
    assert until(text, NOW) == remaining


@pytest.mark.parametrize(
    ("text", "why"), [("25:00", "no time of day"), ("six", "no time of day"), ("2026-11-24", "not in")]
)
def test_what_is_none(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        until(text, NOW)
