"""When to look again, and when to stop looking."""

import time
from typing import Final

SHORTEST_S: Final = 0.05
LONGEST_S: Final = 0.5
_GROWTH: Final = 1.5


class Pace:
    """Looks again after 50 ms when there was news, then ever more seldom, down to twice a second."""

    def __init__(self) -> None:
        self._next_s = SHORTEST_S

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

    def sleep(self, pause_s: float) -> None:
        """Sleeps `pause_s`, but not past the deadline."""
        if self._end is not None:
            pause_s = min(pause_s, self._end - time.monotonic())
        if pause_s > 0:
            time.sleep(pause_s)
