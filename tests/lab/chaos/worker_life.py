"""A worker that is killed, frozen, asked to leave, and started anew whenever it has ended."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from contract.settings import Settings
from tests.support.netns import FarMachine
from tests.support.worker_process import ROOT, command, environment

#: A worker that was asked to leave does so after the batch it is at; this machine is busy.
_LEAVE_S: Final = 60
#: Slots whose main process was killed end when they have done their task.
_ORPHANS_S: Final = 60
_LOG_BYTES: Final = 8000


class MortalWorker:
    def __init__(
        self,
        name: str,
        options: Sequence[str],
        settings: Settings,
        directory: Path,
        prefix: Sequence[str] = (),
        *,
        cable: FarMachine | None = None,
        **variables: str,
    ) -> None:
        """At the end of `cable`, when there is one: its Redis is the host's."""
        self.name = name
        self.log_file = directory / f"{name}.log"
        #: What it did that it should not have: one sentence each.
        self.wrongs: list[str] = []
        self.starts = 0
        self.cable = cable
        if cable is not None:
            prefix = [*cable.prefix, *prefix]
            redis_url = settings.redis_url.replace("127.0.0.1", cable.host_address)
            settings = settings.model_copy(update={"redis_url": redis_url})
        self._command = [*prefix, *command(name, *options)]
        self._environment = environment(settings, **variables)
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        #: Why it is expected to end, and until when.
        self._ends: tuple[str, float] | None = None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its group is its own: all of it, and nothing else, is killed at once
            )
        self.starts += 1
        self._frozen, self._ends = False, None

    def end_of_log(self) -> str:
        return self.log_file.read_bytes()[-_LOG_BYTES:].decode(errors="replace")

    def slots(self) -> list[psutil.Process]:
        """Not the preflight's child: a worker that loses that one ends, and is meant to."""
        if self._process is None:
            return []
        try:
            main = psutil.Process(self._process.pid)
            return [child for child in main.children() if child.cmdline() == main.cmdline()]  # forked, without exec
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """All of its processes at once: the machine is gone."""
        self._signal_group(signal.SIGKILL)
        self._ends = ("killed", time.monotonic() + _LEAVE_S)

    def kill_main(self) -> None:
        """Only the main process; its slots must notice."""
        if self._process is not None:
            self._process.kill()
            self._ends = ("its main process killed", time.monotonic() + _ORPHANS_S)

    def stop(self) -> None:
        if self._process is not None and self._ends is None:
            self._process.terminate()
            self._ends = ("asked to leave", time.monotonic() + _LEAVE_S)

    def freeze(self) -> None:
        self._signal_group(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        self._signal_group(signal.SIGCONT)
        if self._frozen and self._ends is not None:  # it could not leave meanwhile
            self._ends = (self._ends[0], time.monotonic() + _LEAVE_S)
        self._frozen = False

    def tend(self) -> bool:
        """Starts it anew when all of it has ended; True when it did. Notes what ended without being told to."""
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            if self._overdue():
                self._end_group("was asked to leave and has not left")
            return False
        if self._ends is None:
            self.wrongs.append(f"worker {self.name} ended by itself with {code}:\n{self.end_of_log()}")
            self._ends = ("by itself", time.monotonic() + _ORPHANS_S)
        if self._group():
            if self._overdue():
                self._end_group(f"({self._ends[0]}) has left slots behind: {self._group()}")
            return False
        self.start()
        return True

    def end(self) -> None:
        """For good: asked first, and whatever is left of it is killed."""
        if self._process is None:
            return
        self.thaw()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_S / 2)
        self._signal_group(signal.SIGKILL)
        self._process.wait()

    def _overdue(self) -> bool:
        return self._ends is not None and not self._frozen and time.monotonic() > self._ends[1]

    def _end_group(self, wrong: str) -> None:
        self.wrongs.append(f"worker {self.name} {wrong}, after {_LEAVE_S} s")
        self.kill()

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _group(self) -> list[str]:
        """Those of its processes that still live."""
        assert self._process is not None
        return [text for pid in psutil.pids() if (text := _member(pid, self._process.pid))]


def _member(pid: int, group: int) -> str:
    """The process in words when it is of `group` and lives, else ''. A zombie does not live."""
    try:
        if os.getpgid(pid) != group:
            return ""
        process = psutil.Process(pid)
        status = process.status()
    except (ProcessLookupError, psutil.NoSuchProcess):
        return ""
    return "" if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else f"pid {pid} ({status})"
