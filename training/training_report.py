"""What a training run was: kept beside its weights, quoted in every model.toml."""

from pathlib import Path
from typing import Any

from training.provenance import read_json, write_json
from workers.profile.provenance import measured

FILE_NAME = "training.json"


def add(work: Path, phase: str, report: dict[str, float], seed: int, minutes: float) -> None:
    """Note what `phase` of the run did; phases noted before stay."""
    path = work / FILE_NAME
    phases = read_json(path)["phases"] if path.exists() else {}
    command = f"python -m training.train --out DIR --seed {seed} --minutes {minutes:g}"
    write_json(path, {"phases": {**phases, phase: report}, "measured": measured(command)})


def read(work: Path) -> dict[str, Any]:
    return read_json(work / FILE_NAME)
