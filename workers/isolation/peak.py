"""The peak of this process' anonymous memory, and an end to the process beyond a budget.

The kernel keeps a high-water mark of resident memory (VmHWM), which counts libraries and weights too, and none of
anonymous memory; so a thread looks every 2 ms. It is kept waiting by whoever holds the GIL: the parent looks as well.
"""

import os
import threading
from types import TracebackType
from typing import Final, Self

from workers.memory.death import GUARD_EXIT
from workers.memory.sample import anonymous_bytes, parse_status

LOOK_EVERY_S: Final = 0.002
_READ_BYTES: Final = 16 * 1024


class PeakWatch:
    """`with PeakWatch(budget_bytes) as watch: …`, then `watch.peak_bytes`."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self.peak_bytes = 0

    def now(self) -> int:
        """Anonymous bytes at this moment; counts towards the peak."""
        held_bytes = anonymous_bytes(parse_status(os.pread(self._status, _READ_BYTES, 0)))
        self.peak_bytes = max(self.peak_bytes, held_bytes)
        if held_bytes > self._budget_bytes:
            os._exit(GUARD_EXIT)
        return held_bytes

    def begin_anew(self) -> int:
        """The peak so far; from here on, another one is looked for."""
        before_bytes, self.peak_bytes = self.peak_bytes, 0
        self.now()
        return before_bytes

    def __enter__(self) -> Self:
        self._status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-watch", daemon=True)
        self.now()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._status)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self.now()
