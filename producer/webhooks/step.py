"""What follows from an answer, or from none: delivered, told again later, or given up. Pure.

| answer                                  | what follows                                                         |
|-----------------------------------------|----------------------------------------------------------------------|
| 2xx                                     | delivered                                                            |
| 410                                     | given up: the receiver wants no more                                 |
| any other, a redirect too, or none      | again after 5, 10, 20 … s, at most an hour, half of it at random;    |
|                                         | not before `Retry-After`                                             |
| … when that would be after the patience | given up                                                             |
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from contract.ledger import Notice

_FIRST: Final = timedelta(seconds=5)
_LONGEST: Final = timedelta(hours=1)
#: Beyond it a pause is only long, and arithmetic still works.
_EVER: Final = timedelta(days=3650)


@dataclass(frozen=True)
class Answered:
    status: int
    #: The header `Retry-After`, as it came.
    retry_after: str | None = None


@dataclass(frozen=True)
class Unanswered:
    #: For people; has no secret and no query of the address.
    why: str


Outcome: TypeAlias = Answered | Unanswered


@dataclass(frozen=True)
class Delivered:
    pass


@dataclass(frozen=True)
class Again:
    error: str
    pause: timedelta


@dataclass(frozen=True)
class GivenUp:
    error: str


Step: TypeAlias = Delivered | Again | GivenUp


def next_step(
    outcome: Outcome, notice: Notice, patience: timedelta, now: datetime, chance: float, first: timedelta = _FIRST
) -> Step:
    """`chance` is from 0 to 1, and different for each delivery, so that not all come back at the same time."""
    pause = backoff(notice.attempt, chance, first)
    if isinstance(outcome, Unanswered):
        error = outcome.why
    elif 200 <= outcome.status < 300:
        return Delivered()
    elif outcome.status == 410:
        return GivenUp("HTTP 410: the receiver wants no more")
    else:
        error = f"HTTP {outcome.status}" + (", a redirect: none is followed" if outcome.status // 100 == 3 else "")
        pause = max(pause, retry_after(outcome.retry_after, now))
    if notice.since_first + pause > patience:
        return GivenUp(f"{error}; given up after {_told(notice.since_first)} and {notice.attempt} attempts")
    return Again(error, pause)


def backoff(attempt: int, chance: float, first: timedelta = _FIRST) -> timedelta:
    """After the `attempt`-th, 1 for the first: from half to the whole of 5 s, 10 s, 20 s …, at most of an hour."""
    doubled = min(first * (1 << min(attempt - 1, 16)), _LONGEST)
    return doubled * (0.5 + 0.5 * chance)


def retry_after(text: str | None, now: datetime) -> timedelta:
    """The header, which is seconds or a date; zero for none, and for what cannot be read."""
    if text is None:
        return timedelta(0)
    if re.fullmatch(r"\s*[0-9]+\s*", text, re.ASCII):
        return timedelta(seconds=int(text.strip()[:9])) if len(text.strip()) <= 9 else _EVER
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return timedelta(0)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), _EVER)


def _told(duration: timedelta) -> str:
    seconds = round(duration.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
