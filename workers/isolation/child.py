"""The manners of an isolated process: it is the kernel's first choice, ends with its parent, and answers once."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn, TextIO

_PR_SET_PDEATHSIG: Final = 1


def live_on_sufferance() -> None:
    """First of all: whatever happens later, nobody else is hurt."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we asked to be told
        os._exit(1)


def answer_stream() -> TextIO:
    """The real stdout; from here on, what a library prints goes to stderr."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def serve(answer: Callable[[bytes], str]) -> NoReturn:
    """Answers what stands on stdin, and ends: a library that crashes while the interpreter is taken down has done its
    work all the same."""
    live_on_sufferance()
    stream = answer_stream()
    stream.write(answer(sys.stdin.buffer.read()))
    stream.close()
    os._exit(0)
