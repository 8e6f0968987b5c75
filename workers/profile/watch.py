"""Start a child for one load, watch it, and end it before it could hurt the machine: the one place with I/O.

A limit of the kernel would be surer and is no choice: a memory cgroup needs root, and under RLIMIT_AS or RLIMIT_DATA
TensorFlow dies of SIGSEGV long before its memory is used up. So three look on: the child itself, this parent, and, were
both too slow, the kernel, whose first choice the child is.
"""

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

from pydantic import ValidationError

from contract.errors import ModelBroken
from contract.memory import MIB, format_bytes
from contract.model_spec import ModelSpec
from workers.memory.blackbox import Entry
from workers.memory.death import Death, DeathEvidence, classify
from workers.memory.oom import OomCounter, killed_since
from workers.memory.sample import MemorySample, Sampler
from workers.profile.errors import ProfileFailed
from workers.profile.outcome import Outcome, Ran, Stopped
from workers.profile.protocol import Answer, Load, Raised, Request
from workers.startup import thread_environment

#: Of what is free; the rest is for everybody else, and for what a child takes between two looks.
SHARE_OF_FREE: Final = 0.8
#: A child is ended when the machine has less than this left, whoever took it.
FLOOR_BYTES: Final = 128 * MIB
LOOK_EVERY_S: Final = 0.005
#: TensorFlow's import alone takes 200 MB.
BUDGET_MIN_BYTES: Final = 256 * MIB
_STDERR_TAIL_BYTES: Final = 16 * 1024
_ROOT: Final = Path(__file__).parents[2]
_BY_HAND: Final = "Run it by hand with saved_model_cli to see why, and export it anew."


def budget_for(free_bytes: int, wanted_bytes: int | None) -> int:
    """What a child may take: of what is free now, and of what the caller allows.

    | free     | wanted | budget   |
    |----------|--------|----------|
    | 20 GiB   |        | 16 GiB   |
    | 20 GiB   | 4 GiB  | 4 GiB    |
    | 2 GiB    | 4 GiB  | 1.6 GiB  |

    ProfileFailed when that is less than `BUDGET_MIN_BYTES`.
    """
    allowed_bytes = int(free_bytes * SHARE_OF_FREE)
    budget_bytes = allowed_bytes if wanted_bytes is None else min(allowed_bytes, wanted_bytes)
    if budget_bytes < BUDGET_MIN_BYTES:
        raise ProfileFailed(
            f"a profile may take {format_bytes(budget_bytes)} ({format_bytes(free_bytes)} are free), and TensorFlow "
            f"alone needs {format_bytes(BUDGET_MIN_BYTES)}. Free some memory, or profile on a larger machine."
        )
    return budget_bytes


def run(
    directory: Path,
    spec: ModelSpec,
    load: Load,
    *,
    budget_bytes: int | None = None,
    repeat_s: float,
    timeout_s: float,
    beside: tuple[int, ...] = (),
) -> Outcome:
    """One load in a fresh process. Whatever happens, no process is left of it.

    ModelBroken when the model cannot be loaded as its spec says; ProfileFailed when it raises or ends the process for
    another reason than memory.
    """
    machine = Sampler()
    try:
        allowed_bytes = budget_for(machine.sample().free_bytes, budget_bytes)
    finally:
        machine.close()
    request = Request(
        directory=directory, spec=spec, load=load, budget_bytes=allowed_bytes, repeat_s=repeat_s, beside=beside
    )
    ending = _Child(request).watch(timeout_s)
    return _outcome(request, ending)


@dataclass(frozen=True)
class Ending:
    #: As subprocess has it: negative is a signal.
    exit_code: int
    #: Why we ended it; "" when we did not.
    ended_for: Literal["", "budget", "machine", "time"]
    answer: Answer | None
    stderr_tail: str
    peak_bytes: int
    death: Death


class _Child:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended_for: Literal["", "budget", "machine", "time"] = ""
        self._peak_bytes = 0
        self._last: MemorySample | None = None

    def watch(self, timeout_s: float) -> Ending:
        """Files, not pipes: nobody has to read while the child writes."""
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as noise:
            asked.write(self._request.model_dump_json(by_alias=True).encode())
            asked.seek(0)
            counter = OomCounter()
            kills = counter.read()
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "workers.profile.child"],
                stdin=asked,
                stdout=said,
                stderr=noise,
                env=_environment(self._request.load.threads),
                start_new_session=True,
            )
            try:
                self._look_on(child, time.monotonic() + timeout_s)
            finally:
                _end(child)
            oom = killed_since(kills, counter.read())
            said.seek(0)
            size = noise.seek(0, os.SEEK_END)
            noise.seek(max(0, size - _STDERR_TAIL_BYTES))
            return Ending(
                exit_code=child.returncode,
                ended_for=self._ended_for,
                answer=_read_answer(said.read()),
                stderr_tail=noise.read().decode(errors="replace"),
                peak_bytes=self._peak_bytes,
                death=classify(
                    DeathEvidence(
                        signal=-child.returncode if child.returncode < 0 else None,
                        exit_code=child.returncode if child.returncode >= 0 else None,
                        entry=self._entry(child.pid),
                        oom=oom,
                    )
                ),
            )

    def _look_on(self, child: subprocess.Popen[bytes], give_up_s: float) -> None:
        sampler = Sampler(child.pid)
        try:
            while child.poll() is None:
                sample = sampler.sample()
                if sample.anon_bytes:  # 0: it has just ended
                    self._last = sample
                    self._peak_bytes = max(self._peak_bytes, sample.anon_bytes)
                if sample.anon_bytes > self._request.budget_bytes:
                    self._ended_for = "budget"
                elif sample.free_bytes < FLOOR_BYTES:
                    self._ended_for = "machine"
                elif time.monotonic() > give_up_s:
                    self._ended_for = "time"
                if self._ended_for:
                    return
                time.sleep(LOOK_EVERY_S)
        finally:
            sampler.close()

    def _entry(self, pid: int) -> Entry:
        entry = Entry(pid=pid, share_bytes=self._request.budget_bytes, stage="run")
        if self._last is None:
            return entry
        return Entry(
            pid=pid,
            share_bytes=self._request.budget_bytes,
            stage="run",
            anon_bytes=self._last.anon_bytes,
            free_bytes=self._last.free_bytes,
            tightest=self._last.tightest,
            peak_anon_bytes=self._peak_bytes,
        )


def _outcome(request: Request, ending: Ending) -> Outcome:
    load, ref = request.load, request.spec.ref
    if ending.ended_for == "time":
        return Stopped(load, "time", "took too long")
    if ending.ended_for == "machine":
        return Stopped(load, "memory", f"the machine ran short of memory, {format_bytes(ending.peak_bytes)} taken")
    answer = ending.answer
    if answer is not None and answer.report is not None and ending.exit_code == 0:
        return Ran(load, answer.report, max(answer.report.peak_bytes, ending.peak_bytes))
    if answer is not None and answer.raised is not None:
        return _raised(request, answer.raised)
    if ending.ended_for == "budget" or ending.death.verdict == "memory":
        return Stopped(load, "memory", f"does not fit in {format_bytes(request.budget_bytes)}")
    raise ProfileFailed(
        f"{ref} cannot be profiled: the process that ran {load} has ended: {ending.death.detail}."
        f"{_last_line(ending.stderr_tail)} Such a model would end every slot that takes it. {_BY_HAND}"
    )


def _raised(request: Request, raised: Raised) -> Stopped:
    if raised.verdict == "memory":
        return Stopped(request.load, "memory", f"does not fit in {format_bytes(request.budget_bytes)}: {raised.text}")
    if raised.code == ModelBroken.code:
        raise ModelBroken(raised.text)
    raise ProfileFailed(f"{request.spec.ref} cannot be profiled: at {request.load}: {raised.text}. {_BY_HAND}")


def _last_line(stderr_tail: str) -> str:
    lines = [line.strip() for line in stderr_tail.splitlines() if line.strip()]
    return f" Its last words: {lines[-1][:200]}." if lines else ""


def _environment(threads: int) -> dict[str, str]:
    """As a slot's, and this very Vedette first on the path."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **thread_environment(threads), "PYTHONPATH": path}


def _read_answer(said: bytes) -> Answer | None:
    """None for what a death cut short."""
    try:
        return Answer.model_validate_json(said)
    except ValidationError:
        return None


def _end(child: subprocess.Popen[bytes]) -> None:
    """It and whatever it started: they share a process group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
