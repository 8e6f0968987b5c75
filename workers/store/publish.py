"""Puts models into a store that is a directory and takes them out, each in one step that others see whole.

A model is made in `.incoming-…` at the store's root and renamed into place; on its way out it is renamed to
`.outgoing-…`. Under the store's lock, whatever lies there was left by a process that was killed, and is removed.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from contract.errors import ModelExists, ModelStoreError
from contract.model_spec import FILE_NAME, ModelSpec
from workers.remote.disk import lack_of_space
from workers.store.index import write_index
from workers.store.locks import FileLock
from workers.store.spec_text import spec_toml

_LOCK: Final = ".lock"
_WORK: Final = (".incoming-", ".outgoing-")

Specs = Callable[[], Iterable[ModelSpec]]


def add(root: Path, staging: Path, spec: ModelSpec, specs: Specs) -> None:
    """Copies `staging` to its place. ModelExists, ModelStoreError."""
    place = root / spec.name / spec.version
    with _locked(root):
        if place.exists() and any(place.iterdir()):
            raise ModelExists(f"{spec.ref} is in the model store already ({place}); add it under another version")
        needed_bytes = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
        if lack := lack_of_space(root, needed_bytes):
            raise ModelStoreError(f"{spec.ref}: {lack}")
        incoming = Path(tempfile.mkdtemp(prefix=_WORK[0], dir=root))
        try:
            shutil.copytree(staging, incoming, dirs_exist_ok=True)
            (incoming / FILE_NAME).write_text(spec_toml(spec), encoding="utf-8")
            incoming.chmod(0o755)  # mkdtemp keeps it to one user; a store is for all
            place.parent.mkdir(exist_ok=True)
            incoming.rename(place)
        except BaseException:
            shutil.rmtree(incoming, ignore_errors=True)
            _drop_if_empty(place.parent)
            raise
        write_index(root, specs())


def remove(root: Path, place: Path, specs: Specs) -> None:
    with _locked(root):
        outgoing = Path(tempfile.mkdtemp(prefix=_WORK[1], dir=root))
        place.rename(outgoing / place.name)
        shutil.rmtree(outgoing)
        _drop_if_empty(place.parent)
        write_index(root, specs())


def rewrite(root: Path, place: Path, spec: ModelSpec, specs: Specs) -> None:
    """Another model.toml for the same files."""
    with _locked(root):
        work = Path(tempfile.mkdtemp(prefix=_WORK[0], dir=root))
        draft = work / FILE_NAME
        draft.write_text(spec_toml(spec), encoding="utf-8")
        draft.replace(place / FILE_NAME)
        work.rmdir()
        write_index(root, specs())


def reindex(root: Path, specs: Specs) -> None:
    with _locked(root):
        write_index(root, specs())


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / _LOCK).exclusive():
            for left in (path for prefix in _WORK for path in root.glob(f"{prefix}*")):
                shutil.rmtree(left, ignore_errors=True)
            yield
    except shutil.Error as error:
        raise ModelStoreError(f"the model store {root} cannot be written: {error.args[0][0][2]}") from None
    except OSError as error:
        raise ModelStoreError(f"the model store {root} cannot be written: {error.strerror}: {error.filename}") from None


def _drop_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
