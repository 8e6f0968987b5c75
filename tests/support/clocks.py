"""Processes whose clock is wrong, by libfaketime: wall clock only, for a second stays a second on any machine."""

import os
from functools import cache
from pathlib import Path

import pytest

#: Python sleeps until a moment of the monotonic clock, which libfaketime 0.9.10 shifts although it was told not to:
#: the kernel then refuses (EINVAL). Sleeping by select is left alone.
_SITECUSTOMIZE = """import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


def shifted_clock(directory: Path, shift: str) -> dict[str, str]:
    """Variables for a Python process whose clock is off by `shift` (`+1h`, `-60d`); skips the test without libfaketime.

    `directory` is given a file that goes with it.
    """
    reason = why_none()
    if reason is not None:
        pytest.skip(reason)
    site = directory / "shifted-clock"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(_SITECUSTOMIZE, encoding="utf-8")
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME": shift,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])),
    }


def why_none() -> str | None:
    """Why no clock can be wrong here; None when one can."""
    return None if _library() is not None else "no libfaketime: apt-get install faketime"


@cache
def _library() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))), None)
