"""Ends a process that a test started."""

import subprocess
from typing import Any


def end(process: "subprocess.Popen[Any]", patience_s: float = 10) -> None:
    """SIGTERM, and SIGKILL for what does not go."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
