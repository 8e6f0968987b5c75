"""Where a number comes from: the command, the machine, the day. Every figure in a model.toml carries one of these."""

import datetime
import json
import os
from pathlib import Path
from typing import Any


def measured(command: str) -> dict[str, str]:
    """The `measured` table of model.toml for something that `command` has just found out on this machine."""
    return {"command": command, "machine": machine(), "date": datetime.datetime.now(datetime.UTC).date().isoformat()}


def machine() -> str:
    """Such as "AMD EPYC, 2 cores, 23 GiB RAM"."""
    cpu = _field("/proc/cpuinfo", "model name") or "unknown CPU"
    memory_kib = int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    return f"{cpu}, {os.cpu_count()} cores, {memory_kib / 2**20:.0f} GiB RAM"


def shown(directory: Path) -> str:
    """A path as it may stand in a published command: nobody else has this machine's absolute ones."""
    return "DIR" if directory.is_absolute() else directory.as_posix()


def write_json(path: Path, report: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def _field(file: str, name: str) -> str | None:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
