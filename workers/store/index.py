"""`index.json` at the root of a store that is a directory: what a web server, which lists nothing, has to say of it.

    {"schema": 1, "models": [{"spec": {… model.toml …}, "files": {"saved_model.pb": {"bytes": 1, "sha256": "…"}, …}}]}

Written anew whenever Vedette puts a model into the directory or takes one out. Digests of files are taken over from
the index before, as long as digest and sizes are the same.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from celery.utils.log import get_logger
from pydantic import BaseModel, Field, ValidationError

from contract.errors import ModelBroken
from contract.model_spec import FILE_NAME, ModelSpec
from workers.remote.names import safe_name
from workers.store.digest import digest_of, file_digests

logger = get_logger(__name__)

INDEX_NAME: Final = "index.json"


class StoredFile(BaseModel):
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Holding:
    """A model that a store elsewhere has."""

    spec: ModelSpec
    #: Bytes of each file but model.toml; names are safe to join to a directory.
    files: dict[str, int]
    #: SHA-256 of each, in hexadecimal, where the store says it.
    sha256: dict[str, str]


def write_index(root: Path, specs: Iterable[ModelSpec]) -> None:
    """For the models `specs` of the directory `root`. The caller holds the store's lock."""
    path = root / INDEX_NAME
    before = _before(path)
    entries = []
    for spec in specs:
        directory = root / spec.name / spec.version
        sizes = {
            file.relative_to(directory).as_posix(): file.stat().st_size
            for file in directory.rglob("*")
            if file.is_file() and file != directory / FILE_NAME
        }
        old = before.get(spec.digest)
        digests = old.sha256 if old is not None and old.files == sizes else file_digests(directory)
        entries.append({
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "files": {name: {"bytes": sizes[name], "sha256": digests[name]} for name in sorted(sizes)},
        })  # fmt: skip
    new = path.with_name(f".{INDEX_NAME}.new")
    new.write_text(json.dumps({"schema": 1, "models": entries}, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def parse_index(content: bytes, shown: str) -> dict[str, Holding]:
    """Models by reference. An entry that can't be used is named in the log; ModelBroken if nothing can be."""
    try:
        index = json.loads(content)
        schema, entries = index["schema"], list(index["models"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelBroken(f"{shown}: not an index of a model store") from None
    if schema != 1:
        raise ModelBroken(f"{shown}: schema {schema!r:.20}, and this Vedette reads 1")
    holdings = {}
    for entry in entries:
        try:
            holding = _holding(entry)
        except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("model left out: %s: %.300s", shown, " ".join(str(error).split()))
        else:
            holdings[holding.spec.ref] = holding
    return holdings


def _holding(entry: Any) -> Holding:
    spec = ModelSpec.model_validate(entry["spec"])
    files = {safe_name(name): StoredFile.model_validate(file) for name, file in entry["files"].items()}
    digests = {name: file.sha256 for name, file in files.items()}
    if digest_of(digests) != spec.digest:
        raise ValueError(f"{spec.ref}: its files are not those of its digest; register it anew")
    return Holding(spec, {name: file.bytes for name, file in files.items()}, digests)


def _before(path: Path) -> dict[str, Holding]:
    """By digest, what the index says so far; nothing if there is none that can be read."""
    try:
        return {holding.spec.digest: holding for holding in parse_index(path.read_bytes(), str(path)).values()}
    except (OSError, ModelBroken):
        return {}
