"""When to look again, and when to stop looking.

What looks again and again is a generator that yields what it saw, and a `Pause` where one should wait: a thread does
that at once (`slept`), an event loop does something else meanwhile (`producer.async_job`).
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

#: At first: a job of one image may take a few milliseconds.
FIRST_S: Final = 0.001
SHORTEST_S: Final = 0.05
LONGEST_S: Final = 0.5
#: Jobs that wait in one event loop at the same time and are told of their first result by Redis; others are looked at.
#: Each takes a thread, which sleeps, and a connection.
WOKEN_MAX: Final = 16
_GROWTH: Final = 1.25

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Pause:
    seconds: float
    #: Nothing has come yet: whoever is woken by the first result may wait this long instead.
    until_first_s: float | None = None


def slept(steps: Iterator[Seen | Pause], sleep: Callable[[Pause], None]) -> Iterator[Seen]:
    """What `steps` yields, with its pauses spent in `sleep`."""
    for step in steps:
        if isinstance(step, Pause):
            sleep(step)
        else:
            yield step


class Pace:
    """Looks again after 1 ms at first and 50 ms when there was news, then ever more seldom, down to twice a second.

    Each pause is a quarter longer than the one before, so an end is known after a quarter more than the time that it
    took, at most. To begin with 1 ms is eighteen looks more than to begin with 50.
    """

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def news(self) -> None:
        self._next_s = SHORTEST_S

    def pause_s(self) -> float:
        """How long to wait now; the next pause will be longer."""
        pause_s = self._next_s
        self._next_s = min(LONGEST_S, pause_s * _GROWTH)
        return pause_s


class Deadline:
    """`timeout_s` from now; None never comes."""

    def __init__(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    @property
    def over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end

    @property
    def left_s(self) -> float:
        """Seconds, 0 when it is over; infinite when it never comes."""
        return math.inf if self._end is None else max(0.0, self._end - time.monotonic())

    def pause(self, pause_s: float, *, first: bool = False) -> Pause:
        """Of `pause_s`, but not past the deadline. `first`: the first result may end a longer one."""
        left_s = self.left_s
        return Pause(min(pause_s, left_s), min(LONGEST_S, left_s) if first else None)
