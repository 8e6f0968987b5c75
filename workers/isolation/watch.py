"""Start a child, look on, and end it before it could hurt the machine: the one place with I/O."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from contract.memory import MIB
from workers.memory.blackbox import Entry
from workers.memory.death import Death, DeathEvidence, classify
from workers.memory.oom import OomCounter, killed_since
from workers.memory.sample import MemorySample, Sampler
from workers.startup import thread_environment

#: Of what is free; the rest is for everybody else, and for what a child takes between two looks.
SHARE_OF_FREE: Final = 0.8
#: A child is ended when the machine has less than this left, whoever took it.
FLOOR_BYTES: Final = 128 * MIB
LOOK_EVERY_S: Final = 0.005
_STDERR_TAIL_BYTES: Final = 16 * 1024
_ROOT: Final = Path(__file__).parents[2]

EndedFor = Literal["", "budget", "machine", "time"]


@dataclass(frozen=True)
class Ending:
    #: As subprocess has it: negative is a signal.
    exit_code: int
    #: Why we ended it; "" when we did not.
    ended_for: EndedFor
    #: What it wrote to stdout, cut short by its death perhaps.
    answer: bytes
    stderr_tail: str
    peak_bytes: int
    #: Why it died, if it did.
    death: Death

    @property
    def for_memory(self) -> bool:
        return self.ended_for in ("budget", "machine") or self.death.verdict == "memory"

    @property
    def last_words(self) -> str:
        """` Its last words: ….`, or nothing."""
        lines = [line.strip() for line in self.stderr_tail.splitlines() if line.strip()]
        return f" Its last words: {lines[-1][:200]}." if lines else ""


def budget_for(free_bytes: int, wanted_bytes: int | None) -> int:
    """What a child may take: of what is free now, and of what the caller allows.

    | free     | wanted | budget   |
    |----------|--------|----------|
    | 20 GiB   |        | 16 GiB   |
    | 20 GiB   | 4 GiB  | 4 GiB    |
    | 2 GiB    | 4 GiB  | 1.6 GiB  |
    """
    allowed_bytes = int(free_bytes * SHARE_OF_FREE)
    return allowed_bytes if wanted_bytes is None else min(allowed_bytes, wanted_bytes)


def free_now_bytes() -> int:
    machine = Sampler()
    try:
        return machine.sample().free_bytes
    finally:
        machine.close()


def run_isolated(module: str, request: str, *, budget_bytes: int, threads: int, timeout_s: float) -> Ending:
    """`python -m module` with `request` on stdin. Whatever happens, no process is left of it."""
    # Files, not pipes: nobody has to read while the child writes.
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as noise:
        asked.write(request.encode())
        asked.seek(0)
        counter = OomCounter()
        kills = counter.read()
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=asked,
            stdout=said,
            stderr=noise,
            env=child_environment(threads),
            start_new_session=True,
        )
        look = _Look(budget_bytes)
        try:
            look.on(child, time.monotonic() + timeout_s)
        finally:
            _end(child)
        oom = killed_since(kills, counter.read())
        said.seek(0)
        size = noise.seek(0, os.SEEK_END)
        noise.seek(max(0, size - _STDERR_TAIL_BYTES))
        return Ending(
            exit_code=child.returncode,
            ended_for=look.ended_for,
            answer=said.read(),
            stderr_tail=noise.read().decode(errors="replace"),
            peak_bytes=look.peak_bytes,
            death=classify(
                DeathEvidence(
                    signal=-child.returncode if child.returncode < 0 else None,
                    exit_code=child.returncode if child.returncode >= 0 else None,
                    entry=look.entry(child.pid),
                    oom=oom,
                )
            ),
        )


class _Look:
    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._last: MemorySample | None = None
        self.ended_for: EndedFor = ""
        self.peak_bytes = 0

    def on(self, child: "subprocess.Popen[bytes]", give_up_s: float) -> None:
        """Returns when the child has ended, or has to."""
        sampler = Sampler(child.pid)
        try:
            while child.poll() is None:
                sample = sampler.sample()
                if sample.anon_bytes:  # 0: it has just ended
                    self._last = sample
                    self.peak_bytes = max(self.peak_bytes, sample.anon_bytes)
                if sample.anon_bytes > self._budget_bytes:
                    self.ended_for = "budget"
                elif sample.free_bytes < FLOOR_BYTES:
                    self.ended_for = "machine"
                elif time.monotonic() > give_up_s:
                    self.ended_for = "time"
                if self.ended_for:
                    return
                time.sleep(LOOK_EVERY_S)
        finally:
            sampler.close()

    def entry(self, pid: int) -> Entry:
        """As a slot's black box would have it."""
        if self._last is None:
            return Entry(pid=pid, share_bytes=self._budget_bytes, stage="run")
        return Entry(
            pid=pid,
            share_bytes=self._budget_bytes,
            stage="run",
            anon_bytes=self._last.anon_bytes,
            free_bytes=self._last.free_bytes,
            tightest=self._last.tightest,
            peak_anon_bytes=self.peak_bytes,
        )


def child_environment(threads: int) -> dict[str, str]:
    """As a slot's, and this very Vedette first on the path."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **thread_environment(threads), "PYTHONPATH": path}


def _end(child: "subprocess.Popen[bytes]") -> None:
    """It and whatever it started: they share a process group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
