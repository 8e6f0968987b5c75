"""A thread of a slot that watches memory, keeps the black box current, and ends an attempt before the kernel does.

Ending oneself beats being killed: the worker's main process and the other slots live on, the verdict is certain, and
the batch in question is on record. An idle slot is never ended, for it has no batch that could be smaller.
Does not cover what grows faster than it looks: 2 GiB/s is what one core touches, and a thread that holds the GIL in
native code keeps the guard waiting too. Then the kernel acts, and `workers.memory.death` explains.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Literal, Self

from contract.memory import GIB, MIB
from workers.memory.blackbox import BlackBox, Entry
from workers.memory.death import GUARD_EXIT, TIMEOUT_EXIT
from workers.memory.reservation import living_others
from workers.memory.sample import MemorySample, Sampler

logger = logging.getLogger(__name__)

Judgement = Literal["fine", "short", "end"]
#: What the worker's other busy slots hold: each less than this one, or one more; or one of them is ending itself.
Others = Literal["less", "more", "ending"]

#: How fast a process may fill memory, and how soon to look again at the soonest; a look costs 0.05 ms.
_FILL_BYTES_PER_S: Final = 2 * GIB
_INTERVAL_MIN_S: Final = 0.005


def default_floor_bytes(limit_bytes: int) -> int:
    """2 % of the tightest limit, at least 32 MiB: what stays free for page tables and the main process.

    | limit   | floor   |
    |---------|---------|
    | 1 GiB   | 32 MiB  |
    | 2 GiB   | 41 MiB  |
    | 8 GiB   | 164 MiB |
    | 64 GiB  | 1.3 GiB |
    """
    return max(32 * MIB, limit_bytes // 50)


def judge(
    sample: MemorySample, *, share_bytes: int, floor_bytes: int, busy: bool, others: Others = "less"
) -> Judgement:
    """
    | attempt | memory                                                 | judgement                   |
    |---------|--------------------------------------------------------|-----------------------------|
    | runs    | above its share                                        | end                         |
    | runs    | free < floor, the other slots hold less                | end                         |
    | runs    | free < floor, another busy slot holds more             | short: that one ends        |
    | runs    | free < half the floor: that one was too slow           | end                         |
    | runs    | free < floor, another slot is ending already           | short: its memory is coming |
    | any     | free < 2 × floor                                       | short: take no more work    |
    | any     | else                                                   | fine                        |
    """
    if busy and sample.anon_bytes > share_bytes:
        return "end"
    end_below_bytes = {"less": floor_bytes, "more": floor_bytes // 2, "ending": 0}[others]
    if busy and sample.free_bytes < end_below_bytes:
        return "end"
    return "short" if sample.free_bytes < 2 * floor_bytes else "fine"


def compare(anon_bytes: int, pid: int, others: Iterable[Entry]) -> Others:
    """This slot with the worker's other ones; of two that hold the same, the lower pid counts as more."""
    busy = [other for other in others if other.busy]
    if any(other.ended_by for other in busy):
        return "ending"
    return "more" if any((other.anon_bytes, -other.pid) > (anon_bytes, -pid) for other in busy) else "less"


def next_look_s(sample: MemorySample, *, share_bytes: int, floor_bytes: int, busy: bool, interval_s: float) -> float:
    """Sooner when memory could run out sooner: 100 MiB before the floor after 30 ms, 20 MiB before it after 10."""
    if not busy:
        return interval_s
    left_bytes = min(share_bytes - sample.anon_bytes, sample.free_bytes - floor_bytes)
    return min(interval_s, max(_INTERVAL_MIN_S, left_bytes / _FILL_BYTES_PER_S))


class Guard:
    def __init__(
        self,
        sampler: Sampler,
        box: BlackBox,
        share_bytes: int,
        floor_bytes: int,
        interval_s: float = 0.03,
        on_short: Callable[[bool], object] | None = None,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """`sampler` is the guard's own: another thread needs another one. `on_short` is told each change, from the
        guard's thread: True when memory gets short, False when it is fine again. `end` ends the process.
        """
        self._sampler = sampler
        self._box = box
        self._share_bytes = share_bytes
        self._floor_bytes = floor_bytes
        self._interval_s = interval_s
        self._on_short = on_short
        self._end = end
        self._deadline_s: float | None = None
        self._fine = threading.Event()
        self._fine.set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-guard", daemon=True)

    def start(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def set_deadline(self, deadline_s: float | None) -> None:
        """`time.monotonic()` after which a running attempt is ended; None for none."""
        self._deadline_s = deadline_s

    def mark(self) -> None:
        """A batch begins: its peak counts from here."""
        self._box.mark(self._box.entry.anon_bytes)

    def peak_since_mark(self) -> int:
        """Highest anonymous bytes that were seen since the mark; a peak between two looks goes unseen."""
        return self._box.entry.peak_anon_bytes

    @property
    def short(self) -> bool:
        return not self._fine.is_set()

    def wait_until_fine(self, timeout_s: float) -> bool:
        """For the intake: False when memory is still short after `timeout_s`."""
        return self._fine.wait(timeout_s)

    def _watch(self) -> None:
        pause_s = self._interval_s
        while not self._stopped.wait(pause_s):
            try:
                pause_s = self._look()
            except MemoryError:  # of a process limit: what it watches for, so all the more look again
                pause_s = _INTERVAL_MIN_S
            except Exception:
                logger.exception("the memory guard could not look; it tries again")
                pause_s = self._interval_s

    def _look(self) -> float:
        """Seconds until the next look."""
        sample = self._sampler.sample()
        self._box.observe(sample)
        entry = self._box.entry
        if entry.busy and self._deadline_s is not None and time.monotonic() >= self._deadline_s:
            return self._finish("timeout", TIMEOUT_EXIT)
        judgement = judge(
            sample,
            share_bytes=self._share_bytes,
            floor_bytes=self._floor_bytes,
            busy=entry.busy,
            others=self._others(sample, entry),
        )
        if judgement == "end":
            return self._finish("guard", GUARD_EXIT)
        self._tell(judgement == "short")
        return next_look_s(
            sample,
            share_bytes=self._share_bytes,
            floor_bytes=self._floor_bytes,
            busy=entry.busy,
            interval_s=self._interval_s,
        )

    def _others(self, sample: MemorySample, entry: Entry) -> Others:
        """Asks the other slots only when it matters."""
        if not entry.busy or sample.free_bytes >= self._floor_bytes:
            return "less"
        return compare(sample.anon_bytes, entry.pid, living_others(self._box))

    def _finish(self, by: Literal["guard", "timeout"], exit_code: int) -> float:
        """No log line: another thread may hold the log's lock, and the main process tells it from the box."""
        self._box.end(by)
        self._end(exit_code)
        self._stopped.set()  # an injected `end` comes back
        return 0.0

    def _tell(self, short: bool) -> None:
        if short == self.short:
            return
        if short:
            self._fine.clear()
        else:
            self._fine.set()
        if self._on_short is not None:
            self._on_short(short)
