"""Archives that may be broken or hostile: looked through first, then only the files that are wanted are written.

Stricter than tarfile's `data` filter, which lets links through: nothing but regular files is ever written, by our own
hand, under names that were checked. Names that lead out, links that do, devices, too many files, too many bytes and
archive bombs are refused before anything is written. The bounds hold for the unpacked stream too, so that neither a
hidden member nor a long header gets around them.
"""

import gzip
import io
import posixpath
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from contract.errors import ModelSourceError
from contract.memory import GIB, MIB
from workers.remote.names import safe_name

#: No header of an archive is longer; a member's content is read in smaller pieces.
_READ_BYTES_MAX: Final = 4 * MIB
_COPY_BYTES: Final = 1 * MIB
_TAR_BLOCK_BYTES: Final = 512

_DAMAGED: Final = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError,
    ValueError, OverflowError, LookupError, RecursionError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class ArchiveLimits:
    files_max: int = 10_000
    bytes_max: int = 20 * GIB
    #: Unpacked bytes for each byte of the archive. Weights hardly shrink; 100 is a bomb.
    expansion_max: int = 100
    #: Whatever the expansion, this much may come out.
    harmless_bytes: int = 16 * MIB


class _Refused(Exception):
    """The archive breaks a rule; its text says which."""


@dataclass(frozen=True)
class Archive:
    #: Regular files by name, with their unpacked bytes.
    files: dict[str, int]
    #: Writes files of the archive, each to its own path; directories are made.
    extract: Callable[[Mapping[str, Path]], None]


@contextmanager
def opened(path: Path, shown: str, limits: ArchiveLimits | None = None) -> Iterator[Archive]:
    """The archive in `path` (tar, tar with gzip, zip; told by its content), looked through.

    ModelSourceError, about `shown`, when it is none, is damaged, or breaks a bound; also from `extract`.
    """
    limits = limits or ArchiveLimits()
    with path.open("rb") as file:
        with _told(shown):
            reader = _reader(file, path.stat().st_size, limits)

        def extract(wanted: Mapping[str, Path]) -> None:
            with _told(shown):
                for linked in wanted.keys() & reader.links:
                    raise _Refused(f"{linked!r} is a link; pack the file itself (tar --dereference)")
                reader.extract(wanted)

        yield Archive(reader.files, extract)


def _reader(file: IO[bytes], size_bytes: int, limits: ArchiveLimits) -> "_Tar | _Zip":
    bounds = _Bounds(limits, max(limits.harmless_bytes, limits.expansion_max * size_bytes))
    head = file.read(_TAR_BLOCK_BYTES)
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return _Zip(file, bounds)
    if head.startswith(b"\x1f\x8b"):
        return _Tar(file, gzip.open, bounds)
    if head[257:262] == b"ustar":
        return _Tar(file, nullcontext, bounds)
    if head.lstrip().startswith(b"<"):
        raise _Refused("is a web page, not an archive: is this the address of the file itself?")
    raise _Refused("is not an archive: expected .tar.gz, .tar or .zip")


@contextmanager
def _told(shown: str) -> Iterator[None]:
    try:
        yield
    except _Refused as refusal:
        raise ModelSourceError(f"{shown}: {refusal}") from None
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:  # of our own disk, not of the archive
            raise ModelSourceError(f"{shown}: {error.strerror}: {error.filename}") from None
        raise ModelSourceError(
            f"{shown}: the archive is damaged or cut off ({error or type(error).__name__})"
        ) from None


class _Bounds:
    """Counts what an archive wants, and refuses what is too much."""

    def __init__(self, limits: ArchiveLimits, allowed_bytes: int) -> None:
        self._limits = limits
        self.allowed_bytes = allowed_bytes
        self._files = self._bytes = 0

    def count(self, size_bytes: int) -> None:
        self._files += 1
        self._bytes += size_bytes
        if self._files > self._limits.files_max:
            raise _Refused(f"has more than {self._limits.files_max} files")
        self.check(self._bytes)

    def check(self, unpacked_bytes: int) -> None:
        if unpacked_bytes > self._limits.bytes_max:
            raise _Refused(f"unpacks to more than {self._limits.bytes_max} bytes")
        if unpacked_bytes > self.allowed_bytes:
            raise _Refused(f"unpacks to more than {self._limits.expansion_max} times its size, as archive bombs do")


class _Tar:
    def __init__(self, file: IO[bytes], unpack: Callable[[IO[bytes]], Any], bounds: _Bounds) -> None:
        self._file, self._unpack, self._bounds = file, unpack, bounds
        self.files: dict[str, int] = {}
        self.links: set[str] = set()
        with self._members() as (tar, stream):
            for member in tar:
                self._look_at(member)
            _check_end(stream, tar.offset)

    def extract(self, wanted: Mapping[str, Path]) -> None:
        with self._members() as (tar, _):
            for member in tar:
                target = wanted.get(_name(member.name)) if member.isreg() else None
                content = tar.extractfile(member) if target is not None else None
                if target is not None and content is not None:
                    _write(content, target, member.size)

    def _look_at(self, member: tarfile.TarInfo) -> None:
        if member.isdir() and member.name.strip("./") == "":
            return
        name = _name(member.name)
        self._bounds.count(member.size if member.isreg() else 0)
        if member.isreg():
            self.files[name] = member.size
            self.links.discard(name)
        elif member.issym() or member.islnk():
            base = posixpath.dirname(name) if member.issym() else ""
            target = posixpath.normpath(posixpath.join(base, member.linkname))
            if member.linkname.startswith("/") or target.split("/")[0] == "..":
                raise _Refused(f"{name!r} is a link that leads out of the archive")
            self.files[name] = 0
            self.links.add(name)
        elif not member.isdir():
            raise _Refused(f"{name!r} is neither a file nor a directory")

    @contextmanager
    def _members(self) -> Iterator[tuple[tarfile.TarFile, "_Bounded"]]:
        self._file.seek(0)
        with self._unpack(self._file) as unpacked:
            stream = _Bounded(unpacked, self._bounds)
            with tarfile.open(fileobj=stream, mode="r:") as tar:
                yield tar, stream


class _Zip:
    def __init__(self, file: IO[bytes], bounds: _Bounds) -> None:
        self._file = file
        self.files: dict[str, int] = {}
        self.links: set[str] = set()
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                name = _name(info.filename)
                bounds.count(info.file_size)
                if info.flag_bits & 1:
                    raise _Refused("is encrypted; unpack it first")
                if info.is_dir():
                    continue
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _Refused("is compressed in an unusual way; pack it anew")
                self.files[name] = info.file_size
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    self.links.add(name)

    def extract(self, wanted: Mapping[str, Path]) -> None:
        with zipfile.ZipFile(self._file) as archive:
            for info in archive.infolist():
                target = None if info.is_dir() else wanted.get(_name(info.filename))
                if target is not None:
                    with archive.open(info) as content:
                        _write(content, target, info.file_size)


class _Bounded(io.RawIOBase):
    """An unpacked stream that ends when too much came out of it."""

    def __init__(self, stream: IO[bytes], bounds: _Bounds) -> None:
        self._stream, self._bounds = stream, bounds

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _READ_BYTES_MAX:
            raise _Refused(f"has a header of more than {_READ_BYTES_MAX} bytes")
        content = self._stream.read(size)
        self._bounds.check(self._stream.tell())
        return content

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        self._bounds.check(position)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _check_end(stream: _Bounded, offset: int) -> None:
    """tarfile takes a file that ends between two members for a whole one; an archive ends with a block of zeros.

    Reads on to the end of the stream, where gzip has its checksum.
    """
    stream.seek(offset)
    if stream.read(_TAR_BLOCK_BYTES) != bytes(_TAR_BLOCK_BYTES):
        raise _Refused("the archive is damaged or cut off (its end is missing)")
    while stream.read(_COPY_BYTES):
        pass


def _name(name: str) -> str:
    try:
        return safe_name(name)
    except ValueError as flaw:
        raise _Refused(f"has a file that is refused: {flaw}") from None


def _write(content: IO[bytes], target: Path, size_bytes: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file, _COPY_BYTES)
    if target.stat().st_size != size_bytes:
        raise EOFError(f"{target.name} ends early")
