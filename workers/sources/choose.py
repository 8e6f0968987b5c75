"""Which files of an archive or a directory make the model: the one SavedModel in it and what is known beside it."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from contract.errors import ModelSourceError

_GRAPH: Final = "saved_model.pb"
#: What TensorFlow reads, and what tells of the model: labels, the training's configuration, metadata of exporters.
_MODEL_FILES: Final = re.compile(
    r"(saved_model\.pb|fingerprint\.pb|(variables|assets|assets\.extra)/.+"
    r"|keras_metadata\.pb|metadata\.yaml|model\.toml|pipeline\.config|(?!saved_model)[^/]+\.pbtxt)"
)
#: The same of the directory above: the zoo's archives have `<name>/{saved_model/, pipeline.config}`.
_FILES_BESIDE: Final = re.compile(r"(metadata\.yaml|pipeline\.config|(?!saved_model)[^/]+\.pbtxt)")
_SHOWN: Final = 10


def choose(files: Iterable[str], shown: str, inside: str | None = None) -> dict[str, str]:
    """Of `files`, those to take, each with its name below the model's directory.

    `inside` names the SavedModel's directory where there are several. ModelSourceError, about `shown`, when there is
    none, or more than one to choose from.
    """
    names = sorted(files)
    found = [str(PurePosixPath(name).parent) for name in names if PurePosixPath(name).name == _GRAPH]
    model = _only(found, shown, inside)
    beside = str(PurePosixPath(model).parent) if model != "." else None
    taken: dict[str, str] = {}
    for name in names:
        if beside is not None and (below := _below(name, beside)) and _FILES_BESIDE.fullmatch(below):
            taken[name] = below
    for name in names:
        if (below := _below(name, model)) and _MODEL_FILES.fullmatch(below):
            taken = {other: to for other, to in taken.items() if to != below}  # the model's own comes first
            taken[name] = below
    return taken


def _only(found: list[str], shown: str, inside: str | None) -> str:
    if inside is not None:
        wanted = str(PurePosixPath(inside))
        if wanted not in found:
            raise ModelSourceError(f"{shown}: has no {_GRAPH} in {wanted}; {_list(found)}")
        return wanted
    if not found:
        raise ModelSourceError(
            f"{shown}: has no {_GRAPH}: expected a SavedModel, as exporter_main_v2 or tf.saved_model.save writes it"
        )
    if len(found) > 1:
        raise ModelSourceError(f"{shown}: {_list(found)}; name the one that is meant (inside)")
    return found[0]


def _list(found: list[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"SavedModels found in {', '.join(found[:_SHOWN]) or 'no directory'}{more}"


def _below(name: str, directory: str) -> str | None:
    """`name` relative to `directory`, if it lies there."""
    if directory == ".":
        return name
    return name.removeprefix(directory + "/") if name.startswith(directory + "/") else None
