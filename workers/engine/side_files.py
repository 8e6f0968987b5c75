"""What exporters leave beside a SavedModel, as far as it tells how to use it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from workers.engine.facts import SideFiles

#: Of a pipeline.config, which is a proto in text form: the resizer and the sides that it is given.
_FIXED: Final = re.compile(r"fixed_shape_resizer\s*:?\s*\{([^{}]*)\}")
_KEEPING: Final = re.compile(r"keep_aspect_ratio_resizer\s*:?\s*\{([^{}]*)\}")
_NUMBER: Final = re.compile(r"\b(height|width|max_dimension)\s*:\s*(\d+)")


def read_side_files(directory: Path) -> SideFiles:
    """Reads `metadata.yaml`, `pipeline.config` and `params.yaml` where they are."""
    metadata = _yaml(_first(directory, ["metadata.yaml"]))
    pipeline = _first(directory, ["pipeline.config"])
    params = _yaml(_first(directory, ["params.yaml"]))
    resized = resizer_px(pipeline) if pipeline else input_size_px(params)
    return SideFiles(ultralytics=metadata, resizes_to_px=resized)


def _first(directory: Path, names: Iterable[str]) -> str:
    """Text of the first file that there is, else empty. The Object Detection API writes into `saved_model`'s parent."""
    beside = [directory] + ([directory.parent] if directory.name == "saved_model" else [])
    for path in (place / name for place in beside for name in names):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _yaml(text: str) -> dict[str, Any]:
    """A table, or nothing where the file is no such thing: side files only help."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


def resizer_px(pipeline: str) -> int:
    """Longer side of the resizer of a `pipeline.config`; 0 when it has none of the two kinds that there are."""
    for kind in (_FIXED, _KEEPING):
        found = kind.search(pipeline)
        if found:
            return max((int(number) for _, number in _NUMBER.findall(found[1])), default=0)
    return 0


def input_size_px(params: dict[str, Any]) -> int:
    """Longer side of `task.model.input_size` of official's `params.yaml`; 0 when it isn't there."""
    try:
        return max(int(side) for side in params["task"]["model"]["input_size"][:2])
    except (KeyError, TypeError, ValueError, IndexError):
        return 0
