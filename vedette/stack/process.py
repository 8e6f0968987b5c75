"""One child process with its log: started, watched, ended. It ends when we do, however we end."""

import ctypes
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vedette.stack.errors import StackFailed

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_LOG_TAIL_LINES: Final = 15
_libc = ctypes.CDLL(None)


class Process:
    """A service in a process group of its own, so that a Ctrl-C at the terminal reaches only us."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as sink:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(env),
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Returns when `ready()`; StackFailed when the process ends first, or `timeout_s` is over."""
        give_up = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise StackFailed(f"{self.name} ended with exit code {self._child.returncode}.\n{self.log_tail()}")
            if time.monotonic() > give_up:
                raise StackFailed(f"{self.name} was not ready after {timeout_s:g} s.\n{self.log_tail()}")
            time.sleep(0.1)

    def ask_to_stop(self) -> None:
        if self.running:
            self._child.send_signal(signal.SIGTERM)

    def stopped(self, timeout_s: float) -> bool:
        """Waits for the end; after `timeout_s` ends it the hard way and says False."""
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            return False
        return True

    def log_tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


def _end_with_parent() -> None:
    """In the child, before it becomes the service: a SIGTERM when the parent is gone, even by SIGKILL."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
