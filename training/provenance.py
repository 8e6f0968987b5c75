"""What one step of training leaves for the next, and how a command is named in public."""

import json
from pathlib import Path
from typing import Any


def shown(directory: Path) -> str:
    """A path as it may stand in a published command: nobody else has this machine's absolute ones."""
    return "DIR" if directory.is_absolute() else directory.as_posix()


def write_json(path: Path, report: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text())
    return report
