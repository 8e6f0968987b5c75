"""The slots of a worker admit one after the other, so that two cannot both take the last GiB.

Under a lock on the directory of the black boxes: read what the others were promised, sample the machine, decide, write
the promise into the own box. The lock is held for about a millisecond, and the kernel lets go of a dead holder's.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from workers.memory.admission import Admission, Budget, outstanding_bytes
from workers.memory.blackbox import BlackBox, Entry, read_all
from workers.memory.sample import Sampler

_LOCK_FILE: Final = "lock"


class Reservation:
    """`with Reservation(…) as admission:` decode and run what was admitted; the promise ends with the block.

    `decide` gets the budget and is called once, under the lock. `resident_bytes` is what this slot held right after
    its model was loaded: what it holds above that now was kept by the allocator, and is not asked for again. That is
    nearly all of a batch: after 8 images of 1 MP a process of 229 MB stayed at its peak of 622 (TensorFlow 2.21).
    """

    def __init__(
        self,
        box: BlackBox,
        sampler: Sampler,
        decide: Callable[[Budget], Admission],
        *,
        reserve_bytes: int,
        resident_bytes: int | None = None,
    ) -> None:
        self._box = box
        self._sampler = sampler
        self._decide = decide
        self._reserve_bytes = reserve_bytes
        self._resident_bytes = resident_bytes

    def __enter__(self) -> Admission:
        with _locked(self._box.directory):
            others = living_others(self._box)
            budget = self._budget(others)
            admission = self._decide(budget)
            granted_bytes = admission.predicted_bytes if admission.batch else 0
            self._box.promise(max(0, granted_bytes - budget.kept_bytes), budget.anon_bytes)
            return admission

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._box.promise(0, 0)

    def _budget(self, others: list[Entry]) -> Budget:
        sample = self._sampler.sample()
        return Budget(
            share_bytes=self._box.entry.share_bytes,
            anon_bytes=sample.anon_bytes,
            free_bytes=sample.free_bytes,
            tightest=sample.tightest,
            promised_elsewhere_bytes=outstanding_bytes(others),
            reserve_bytes=self._reserve_bytes,
            kept_bytes=0 if self._resident_bytes is None else max(0, sample.anon_bytes - self._resident_bytes),
        )


def living_others(box: BlackBox) -> list[Entry]:
    """What the worker's other slots wrote, without those that died and whose box nobody has read yet.

    One that ends itself lives until the kernel has taken its memory back, some ten milliseconds later.
    """
    return [entry for entry in living(box.directory) if entry.pid != box.entry.pid]


def living(boxes: Path) -> list[Entry]:
    """What the slots of the directory `boxes` wrote that live now."""
    return [entry for entry in read_all(boxes) if _lives(entry.pid)]


def _lives(pid: int) -> bool:
    """A zombie does not: its memory is free again."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
    except OSError:
        return False
    return after_name.split()[0] not in ("Z", "X")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # and with it the lock
