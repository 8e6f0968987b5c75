"""Start the preflight's child, wait, and collect what is seen of it: the one place with I/O."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from contract.capability import Capability
from workers.preflight.diagnose import Diagnosis, diagnose
from workers.preflight.errors import PreflightFailed
from workers.preflight.evidence import Evidence, parse_facts, parse_stages

_STDERR_TAIL_BYTES: Final = 16 * 1024


def run_preflight(
    capability: Capability, timeout: timedelta, env: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """Versions of numpy, cv2 and tensorflow, which all work here; PreflightFailed, with its diagnosis, if they do not.

    Of the capability only the CPU counts, and that as measured: an operator's cap does not change what the CPU can
    execute. TensorFlow imports in 4 to 15 s; with cold packages on an SD card it takes more than a minute. `env`
    replaces the environment, as in `subprocess`.
    """
    verdict = diagnose(collect_evidence(timeout, env), capability.cpu_level, capability.cpu_features)
    if isinstance(verdict, Diagnosis):
        raise PreflightFailed(verdict)
    return verdict.versions


def collect_evidence(timeout: timedelta, env: Mapping[str, str] | None = None, *, facts: bool = False) -> Evidence:
    """Runs the child to its end, or kills it after `timeout`. `facts`: it tells which TensorFlow it is, too.

    Started as a file, not with -m: that would import `workers`, and with it the Celery app. -P keeps the file's
    directory off the path, where its neighbours would pass for top-level modules.
    """
    timeout_s = timeout.total_seconds()
    command = [sys.executable, "-P", str(Path(__file__).with_name("child.py")), *(["--facts"] if facts else [])]
    try:
        child = subprocess.run(
            command,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        return _evidence(expired.stdout, expired.stderr, None, timeout_s)
    return _evidence(child.stdout, child.stderr, child.returncode, timeout_s)


def _evidence(stdout: bytes | None, stderr: bytes | None, exit_code: int | None, timeout_s: float) -> Evidence:
    report = (stdout or b"").decode(errors="replace")
    return Evidence(
        stages=parse_stages(report),
        exit_code=exit_code,
        stderr_tail=(stderr or b"")[-_STDERR_TAIL_BYTES:].decode(errors="replace"),
        timeout_s=timeout_s,
        facts=parse_facts(report),
    )
