"""Models of a store elsewhere, kept on this machine by digest and shared by all its processes.

    <root>/models/<digest>/       whole and verified, model.toml included
    <root>/partial/<digest>/      on its way here; a file that is whole is not fetched again
    <root>/partial/<digest>.bytes what it will take up
    <root>/locks/<digest>.fetch   exclusively: fetching or dropping it. So there is one download, and the others wait
    <root>/locks/<digest>.use     shared: using it; its time is that of the last use. Exclusively: dropping it
    <root>/locks/room             exclusively: making room
    <root>/outgoing/              being removed

Locks are the kernel's (`locks`): a process that is killed holds none, and what it leaves is continued, or dropped when
room is needed. What was dropped least recently used comes first, and nothing that is in use.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from celery.utils.log import get_logger

from contract.errors import ModelBroken, ModelUnavailable
from contract.memory import format_bytes
from contract.model_spec import FILE_NAME, ModelSpec, read_spec
from workers.remote.disk import lack_of_space
from workers.store.digest import directory_digest, file_digest
from workers.store.index import Holding
from workers.store.locks import FileLock
from workers.store.spec_text import spec_toml

logger = get_logger(__name__)

#: Brings one file of a model to a path, whole or not at all.
Fetch = Callable[[ModelSpec, str, Path], None]


def default_cache() -> Path:
    return platformdirs.user_cache_path("vedette") / "models"


def downloads_directory() -> Path:
    """Where a download that broke off waits to be continued."""
    return platformdirs.user_cache_path("vedette") / "downloads"


@dataclass(frozen=True)
class _Kept:
    """Something in the cache that may have to go."""

    path: Path
    bytes: int
    last_used_s: float


class ModelCache:
    def __init__(self, root: Path, bytes_max: int) -> None:
        self._root = root
        self._bytes_max = bytes_max
        #: By digest, what this process uses.
        self._held: dict[str, FileLock] = {}

    def lookup(self, digest: str) -> Path | None:
        """Where the files of `digest` are, verified and held from now on; None if they aren't, or are damaged."""
        entry = self._entry(digest)
        if not entry.is_dir() or not self._hold(digest):
            return None
        if directory_digest(entry) == digest:
            return entry
        logger.warning("%s is damaged and fetched anew", entry)
        self.release(digest)
        return None

    def spec(self, digest: str) -> ModelSpec | None:
        """What the store said of `digest` when it was fetched; None if it isn't here."""
        path = self._entry(digest) / FILE_NAME
        return read_spec(path) if path.is_file() else None

    def release(self, digest: str) -> None:
        lock = self._held.pop(digest, None)
        if lock is not None:
            lock.release()

    def obtain(self, holding: Holding, fetch: Fetch) -> Path:
        """The model, fetched unless it is here by now, and held from now on.

        ModelUnavailable when there is no room for it, ModelBroken when the files are not those of the digest; what
        `fetch` raises names the file.
        """
        digest, ref = holding.spec.digest, holding.spec.ref
        with FileLock(self._lock(digest, "fetch")).exclusive():
            found = self.lookup(digest)  # another process may have been quicker
            if found is not None:
                return found
            with self._room():
                if self._entry(digest).exists() and not self._remove(digest, self._entry(digest)):
                    raise ModelUnavailable(f"{ref}: its files in {self._entry(digest)} are damaged, and in use")
            self._make_room(holding)
            logger.info("fetching %s, %s", ref, format_bytes(sum(holding.files.values())))
            partial = self._partial(digest)
            self._download(holding, partial, fetch)
            (partial / FILE_NAME).write_text(spec_toml(holding.spec), encoding="utf-8")
            self._entry(digest).parent.mkdir(exist_ok=True)
            partial.rename(self._entry(digest))
            self._expected(digest).unlink(missing_ok=True)
            self._hold(digest)
            return self._entry(digest)

    def _hold(self, digest: str) -> bool:
        """Takes the model into use; False if it was dropped just before."""
        lock = self._held.get(digest) or FileLock(self._lock(digest, "use")).shared()
        if not self._entry(digest).is_dir():
            lock.release()
            return False
        lock.touch()
        self._held[digest] = lock
        return True

    def _download(self, holding: Holding, partial: Path, fetch: Fetch) -> None:
        digest, resumed = holding.spec.digest, partial.exists()
        try:
            self._fill(holding, partial, fetch)
            found = directory_digest(partial)
            if found != digest:
                shutil.rmtree(partial)
                if not resumed:
                    raise ModelBroken(
                        f"{holding.spec.ref}: the store's files are not those of its digest "
                        f"({found[:19]}…, expected {digest[:19]}…)"
                    )
                self._fill(holding, partial, fetch)  # what was left from before may be to blame
                if directory_digest(partial) != digest:
                    shutil.rmtree(partial)
                    raise ModelBroken(f"{holding.spec.ref}: the store's files are not those of its digest")
        except BaseException:
            if partial.exists() and lack_of_space(self._root, 0):
                shutil.rmtree(partial, ignore_errors=True)  # on a full disk, it does harm
            if not partial.exists():
                self._expected(digest).unlink(missing_ok=True)
            raise

    def _fill(self, holding: Holding, partial: Path, fetch: Fetch) -> None:
        partial.mkdir(parents=True, exist_ok=True)
        for name, size_bytes in holding.files.items():
            target = partial / name
            if _is_whole(holding, name, target):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch(holding.spec, name, target)
            if not _is_whole(holding, name, target):
                found_bytes = target.stat().st_size
                target.unlink()
                raise ModelBroken(
                    f"{holding.spec.ref}: {name} is not the file that the store speaks of "
                    f"({found_bytes} bytes, expected {size_bytes})"
                )
        for path in [path for path in partial.rglob("*") if path.is_file()]:
            if path.relative_to(partial).as_posix() not in holding.files:
                path.unlink()  # of a listing before

    def _make_room(self, holding: Holding) -> None:
        """Drops what must go so that the model fits, and notes what it will take up. ModelUnavailable if it can't."""
        digest, ref = holding.spec.digest, holding.spec.ref
        needed_bytes = sum(holding.files.values())
        if needed_bytes > self._bytes_max:
            raise ModelUnavailable(
                f"{ref}: has {needed_bytes} bytes, and the model cache {self._root} holds at most {self._bytes_max} "
                "(VEDETTE_MODEL_CACHE_BYTES)"
            )
        with self._room():
            shutil.rmtree(self._root / "outgoing", ignore_errors=True)
            to_load_bytes = needed_bytes - _bytes_below(self._partial(digest))
            kept = self._kept(digest)
            kept_bytes = sum(item.bytes for item in kept)
            for item in kept:
                if kept_bytes + needed_bytes <= self._bytes_max and not lack_of_space(self._root, to_load_bytes):
                    break
                if self._drop(item.path.name, item.path):
                    kept_bytes -= item.bytes
            if kept_bytes + needed_bytes > self._bytes_max:
                raise ModelUnavailable(
                    f"{ref}: needs {needed_bytes} bytes in the model cache {self._root}, of whose {self._bytes_max} "
                    f"(VEDETTE_MODEL_CACHE_BYTES) {kept_bytes} are in use"
                )
            if lack := lack_of_space(self._root, to_load_bytes):
                raise ModelUnavailable(f"{ref}: {lack}")
            self._partial(digest).parent.mkdir(exist_ok=True)
            self._expected(digest).write_text(str(needed_bytes))

    def _kept(self, but: str) -> list[_Kept]:
        """What takes up room, in the order in which it goes: what was never finished, then the longest unused."""
        unfinished = []
        for file in (self._root / "partial").glob("*.bytes"):
            with suppress(FileNotFoundError):  # finished meanwhile
                if file != self._expected(but):
                    unfinished.append(_Kept(file.with_suffix(""), int(file.read_text() or 0), file.stat().st_mtime))
        whole = [
            _Kept(path, _bytes_below(path), _mtime_s(self._lock(path.name, "use")))
            for path in (self._root / "models").glob("*")
            if path != self._entry(but)
        ]
        return [item for part in (unfinished, whole) for item in sorted(part, key=lambda item: item.last_used_s)]

    def _drop(self, digest: str, path: Path) -> bool:
        """Removes `path`, an entry or a partial one, unless somebody fetches or uses it. Needs the lock `room`."""
        with FileLock(self._lock(digest, "fetch")) as fetching:
            return fetching.try_exclusive() and self._remove(digest, path)

    def _remove(self, digest: str, path: Path) -> bool:
        with FileLock(self._lock(digest, "use")) as using:
            if not using.try_exclusive():
                return False
            outgoing = self._root / "outgoing"
            outgoing.mkdir(exist_ok=True)
            if path.exists():  # at once: a removal that is cut off must not leave half a model
                path.rename(Path(tempfile.mkdtemp(dir=outgoing)) / path.name)
            self._expected(digest).unlink(missing_ok=True)
        shutil.rmtree(outgoing, ignore_errors=True)
        return True

    def _room(self) -> FileLock:
        return FileLock(self._root / "locks" / "room").exclusive()

    def _entry(self, digest: str) -> Path:
        return self._root / "models" / _name(digest)

    def _partial(self, digest: str) -> Path:
        return self._root / "partial" / _name(digest)

    def _expected(self, digest: str) -> Path:
        return self._root / "partial" / f"{_name(digest)}.bytes"

    def _lock(self, digest: str, of: str) -> Path:
        return self._root / "locks" / f"{_name(digest)}.{of}"


def _name(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _is_whole(holding: Holding, name: str, path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != holding.files[name]:
        return False
    return name not in holding.sha256 or file_digest(path) == holding.sha256[name]


def _bytes_below(directory: Path) -> int:
    """Of files that may go while they are counted."""
    total_bytes = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                total_bytes += (Path(parent) / name).stat().st_size
    return total_bytes


def _mtime_s(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
