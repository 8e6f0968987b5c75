"""Waiting for something that another thread, process or Redis' clock brings about."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

_POLL_S: Final = 0.02

Seen = TypeVar("Seen")


def wait_until(predicate: Callable[[], Seen], timeout_s: float = 10, *, that: str = "") -> Seen:
    """The first true value of `predicate`; AssertionError says what was waited for, how long, and what was seen last.

    `that` completes "waited 10 s that …". Left out, the predicate's own name stands there.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        seen = predicate()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            what = that or getattr(predicate, "__qualname__", repr(predicate))
            raise AssertionError(f"waited {timeout_s:g} s that {what}; last seen: {seen!r}")
        time.sleep(_POLL_S)
