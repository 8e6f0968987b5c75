"""Deadlines as people write them: `--within 2h`, `--by 18:00`. Pure."""

import re
from datetime import datetime, timedelta
from typing import Final

_WITHIN: Final = re.compile(r"^(?:(?P<h>\d+(?:\.\d+)?)\s*h)?\s*(?:(?P<m>\d+(?:\.\d+)?)\s*m(?:in)?)?$")
_MOST: Final = timedelta(days=365)


def within(text: str) -> timedelta:
    """`2h`, `90m`, `1h30m`, `1.5 h`, `45 min`; ValueError with what was expected for anything else."""
    match = _WITHIN.match(text.strip().lower())
    hours, minutes = (match["h"], match["m"]) if match is not None else (None, None)
    duration = timedelta(hours=float(hours or 0), minutes=float(minutes or 0))
    if not timedelta(0) < duration <= _MOST:
        raise ValueError(f"{text!r} is no time from now; write for example 2h, 90m or 1h30m")
    return duration


def until(text: str, now: datetime) -> timedelta:
    """From `now`, which has the machine's time zone, until `18:00` (today or tomorrow) or `2026-11-25T06:00`.

    ValueError for anything else, and for what is over.
    """
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text.strip()):
            hour, minute = map(int, text.split(":"))
            then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return then - now if then > now else then + timedelta(days=1) - now
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time of day; write for example 18:00 or 2026-11-25T06:00") from None
    remaining = given.replace(tzinfo=given.tzinfo or now.tzinfo) - now
    if not timedelta(0) < remaining <= _MOST:
        raise ValueError(f"{text!r} is not in the year that begins now")
    return remaining
