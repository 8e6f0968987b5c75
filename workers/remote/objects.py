"""Files behind any address that fsspec knows: s3, gs, memory, file, … Credentials come from where fsspec takes them.

fsspec's own errors and those of its file systems are of no common kind, so all of them become ModelSourceError.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contract.errors import ModelSourceError, SettingsError
from contract.urls import shown_address
from workers.remote.http import NotThere, Progress, quiet

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_OWN: Final = "fsspec"


def check_protocol(url: str) -> None:
    """SettingsError names the package that fsspec lacks for `url`. Opens nothing, starts no thread."""
    import fsspec  # a quarter of a second, and most workers never need it
    from fsspec.registry import known_implementations

    protocol = url.partition("://")[0]
    known = known_implementations.get(protocol, {})
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        raise SettingsError(f"{shown_address(url)}: fsspec knows no protocol {protocol!r}") from None
    except ImportError as error:
        package = known.get("class", _OWN).partition(".")[0]
        remedy = str(error) if package == "fsspec" else f"install the package {package}: pip install {package}"
        raise SettingsError(f"{shown_address(url)}: {protocol} needs one more package; {remedy}") from None


def _file_system(url: str) -> "tuple[AbstractFileSystem, str]":
    """The file system that `url` is on, and its path there. Those of s3 and gs have a thread from now on."""
    import fsspec

    check_protocol(url)
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except Exception as error:
        raise ModelSourceError(_told(url, error)) from None


class Objects:
    """Files below one address. Names are relative to it, with `/`."""

    def __init__(self, url: str) -> None:
        self._fs, root = _file_system(url)
        self._root = root.rstrip("/")
        self.shown = shown_address(url)

    def is_directory(self) -> bool:
        with self._errors():
            return bool(self._fs.isdir(self._root))

    def size_bytes(self) -> int | None:
        """Of the file that the address itself is."""
        with self._errors():
            size = self._fs.info(self._root).get("size")
            return None if size is None else int(size)

    def files(self, below: str = "") -> dict[str, int]:
        """Every file below the directory `below`, by its name relative to it, with its bytes; not checked."""
        directory = self._path(below)
        with self._errors(below):
            self._fs.invalidate_cache()
            found = self._fs.find(directory, detail=True)
        prefix = directory.strip("/") + "/"
        names = {path.strip("/").removeprefix(prefix): entry for path, entry in found.items() if not path.endswith("/")}
        return {name: int(entry.get("size") or 0) for name, entry in names.items()}

    def find(self, pattern: str) -> list[str]:
        """Files that match, such as `*/*/model.toml`."""
        with self._errors():
            self._fs.invalidate_cache()
            found = self._fs.glob(self._path(pattern))
        prefix = self._root.strip("/") + "/"
        return sorted(str(path).strip("/").removeprefix(prefix) for path in found)

    def read(self, name: str) -> bytes:
        with self._errors(name):
            content: bytes = self._fs.cat_file(self._path(name))
            return content

    def fetch(self, name: str, target: Path, progress: Progress = quiet) -> None:
        """The file to `target`, whole or not at all."""
        part = target.with_name(target.name + ".part")
        try:
            with self._errors(name):
                self._fs.get_file(self._path(name), str(part), callback=_callback(progress))
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def exists(self, name: str) -> bool:
        with self._errors(name):
            self._fs.invalidate_cache()
            return bool(self._fs.exists(self._path(name)))

    def put(self, source: Path, name: str) -> None:
        with self._errors(name):
            self._fs.makedirs(self._fs._parent(self._path(name)), exist_ok=True)
            self._fs.put_file(str(source), self._path(name))

    def write(self, name: str, content: bytes) -> None:
        with self._errors(name):
            self._fs.makedirs(self._fs._parent(self._path(name)), exist_ok=True)
            self._fs.pipe_file(self._path(name), content)

    def remove(self, name: str, *, recursive: bool = False) -> None:
        with self._errors(name):
            self._fs.rm(self._path(name), recursive=recursive)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        shown = f"{self.shown.rstrip('/')}/{name}" if name else self.shown
        try:
            yield
        except FileNotFoundError:
            raise NotThere(f"{shown}: not there") from None
        except ModelSourceError:
            raise
        except Exception as error:
            raise ModelSourceError(_told(shown, error)) from None


def _told(url: str, error: Exception) -> str:
    words = " ".join(str(error).split())[:300]
    return f"{shown_address(url)}: {type(error).__name__}" + (f": {words}" if words else "")


def _callback(progress: Progress) -> Any:
    from fsspec.callbacks import Callback

    class Told(Callback):  # type: ignore[misc]  # fsspec has no types
        def call(self, *_: Any, **__: Any) -> None:
            progress(int(self.value or 0), None if self.size is None else int(self.size))

    return Told()
