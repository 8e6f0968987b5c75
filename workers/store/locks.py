"""Locks between processes that a killed process cannot leave behind: flock(2), which the kernel lets go of.

Why not the filelock package: it has no shared locks, and "in use" is one.
"""

import fcntl
import os
from pathlib import Path
from typing import Self


class FileLock:
    """One open file and what this process holds of it. The file itself stays: its time says when it was last used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def shared(self) -> Self:
        """Waits while another process has it exclusively."""
        return self._take(fcntl.LOCK_SH)

    def exclusive(self) -> Self:
        """Waits while another process has it in any way."""
        return self._take(fcntl.LOCK_EX)

    def try_exclusive(self) -> bool:
        """Whether it was free."""
        try:
            self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        return True

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def touch(self) -> None:
        os.utime(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take(self, how: int) -> Self:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self._file, how)
        return self
