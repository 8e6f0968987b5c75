"""Try a model in a process of its own, which may die of it, and collect what is seen."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from contract.capability import Capability
from workers.doctor.facts import Trial
from workers.isolation.watch import child_environment
from workers.preflight.evidence import Evidence, parse_stages

_STDERR_TAIL_BYTES: Final = 16 * 1024


def run_trial(directory: Path, batch: int, capability: Capability, timeout: timedelta) -> Trial:
    """Loads the model in `directory`, runs single black images and then, if it is quick enough, `batch` at once.

    With the threads and the memory of one slot; killed after `timeout`.
    """
    asked = {
        "directory": str(directory),
        "batch": batch,
        "threads": capability.threads,
        "share_bytes": capability.memory_per_slot_bytes,
    }
    timeout_s = timeout.total_seconds()
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "workers.doctor.trial_child", json.dumps(asked)],
            env=child_environment(capability.threads),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        return _trial(expired.stdout, expired.stderr, None, timeout_s, batch)
    return _trial(child.stdout, child.stderr, child.returncode, timeout_s, batch)


def _trial(stdout: bytes | None, stderr: bytes | None, exit_code: int | None, timeout_s: float, batch: int) -> Trial:
    report = (stdout or b"").decode(errors="replace")
    tail = (stderr or b"")[-_STDERR_TAIL_BYTES:].decode(errors="replace")
    said: dict[str, Any] = {}
    for line in report.splitlines():
        try:
            said.update(json.loads(line))
        except ValueError:
            continue  # cut short by its death
    return Trial(
        Evidence(parse_stages(report), exit_code, tail, timeout_s),
        batch=int(said.get("batch", batch)),
        peak_bytes=said.get("peak_bytes"),
        call_s=said.get("call_s"),
        ended_by=said.get("ended_by", ""),
        verdict=said.get("verdict", ""),
    )
