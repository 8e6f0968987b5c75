"""What many requests ask at the same moment, asked once."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """Values that are no older than `lifetime_s`, of at most `entries` keys. Threads may share it.

    Two that come at once may both find out. An error is nobody's value: the next one asks again.
    """

    def __init__(self, lifetime_s: float, entries: int = 100) -> None:
        self._lifetime_s = lifetime_s
        self._entries = entries
        self._known: dict[str, tuple[float, Value]] = {}

    def get(self, key: str, find: Callable[[], Value]) -> Value:
        known = self._known.get(key)
        now_s = time.monotonic()
        if known is not None and now_s - known[0] < self._lifetime_s:
            return known[1]
        value = find()
        if len(self._known) >= self._entries:
            self._known.clear()
        self._known[key] = (now_s, value)
        return value
