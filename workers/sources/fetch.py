"""A source of whatever kind to a directory with a whole SavedModel, or one clear message and nothing left."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from contract.errors import ModelSourceError
from contract.urls import shown_address
from workers.remote.disk import lack_of_space
from workers.remote.http import DownloadLimits, Progress, download, quiet
from workers.remote.names import safe_name
from workers.remote.objects import Objects
from workers.sources import archive, web_directory
from workers.sources.choose import choose
from workers.sources.variables import check_variables
from workers.sources.zoo import load_zoo


@dataclass(frozen=True)
class Staged:
    """A SavedModel ready to be looked at: saved_model.pb, variables/, … and the known files beside it."""

    directory: Path
    #: Where it comes from, without secrets.
    source: str
    #: What is known of models of the zoo; empty for others.
    license: str = ""
    labels: str = ""


@dataclass(frozen=True)
class _Order:
    """What was asked for, handed down."""

    source: str
    shown: str
    inside: str | None
    #: Directory that is being filled.
    into: Path
    downloads: Path
    progress: Progress
    download: DownloadLimits
    archive: archive.ArchiveLimits


def fetch_source(
    source: str,
    into: Path,
    *,
    inside: str | None = None,
    downloads: Path | None = None,
    zoo_base: str | None = None,
    progress: Progress = quiet,
    download_limits: DownloadLimits | None = None,
    archive_limits: archive.ArchiveLimits | None = None,
) -> Staged:
    """Makes the directory `into`, which must not exist, from `source` (see the package), whole or not at all.

    `inside` chooses among several SavedModels by their directory. `downloads` keeps what broke off for another call;
    without it nothing is kept. `zoo_base` is a copy of the zoo. ModelSourceError says what is wrong, and where.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with _work(into) as work:
        staging = work / "model"
        staging.mkdir()
        order = _Order(
            source,
            shown_address(source),
            inside,
            staging,
            downloads or work,
            progress,
            download_limits or DownloadLimits(),
            archive_limits or archive.ArchiveLimits(),
        )
        try:
            order.downloads.mkdir(parents=True, exist_ok=True)
            staged = _fetch(order, zoo_base)
            check_variables(staging, order.shown)
            if not (staging / "saved_model.pb").stat().st_size:
                raise ModelSourceError(f"{order.shown}: saved_model.pb is empty")
            staging.rename(into)
        except OSError as error:
            raise ModelSourceError(f"{order.shown}: {error.strerror}: {error.filename}") from None
    return replace(staged, directory=into)


@contextmanager
def _work(into: Path) -> Iterator[Path]:
    """A directory beside `into`, on the same disk."""
    work = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch(order: _Order, zoo_base: str | None) -> Staged:
    path = Path(order.source)
    staged = Staged(order.into, order.shown)
    if "://" in order.source:
        if order.source.startswith("file://"):
            _local(replace(order, source=url2pathname(urlsplit(order.source).path)))
        else:
            _remote(order)
    elif path.exists():
        _local(order)
        staged = replace(staged, source=str(path.resolve()))
    else:
        zoo = load_zoo(zoo_base)
        name = zoo.named(order.source)
        if name is None:
            like = zoo.like(order.source)
            raise ModelSourceError(
                f"{order.source}: no such file or directory, and no model of the zoo has this name"
                + (f"; the zoo has {', '.join(like[:5])}" if like else "")
            )
        address = zoo.address(name)
        _remote(replace(order, source=address, shown=shown_address(address)))
        staged = Staged(order.into, shown_address(address), zoo.license, zoo.labels)
    return staged


def _local(order: _Order) -> None:
    path = Path(order.source)
    if path.is_file():
        _unpack(order, path)
    elif path.is_dir():
        files = _files_in(path, order)
        taken = choose(files, order.shown, order.inside)
        _check_room(order, sum(files[name] for name in taken))
        for name, to in taken.items():
            target = order.into / to
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / name, target)
    else:
        raise ModelSourceError(f"{order.shown}: no such file or directory")


def _files_in(directory: Path, order: _Order) -> dict[str, int]:
    """Files below `directory` with their bytes. Links are followed: a user's own directory may have them."""
    files: dict[str, int] = {}
    for parent, _, names in os.walk(directory, followlinks=True):
        for path in (Path(parent) / name for name in names):
            if path.is_file():
                files[path.relative_to(directory).as_posix()] = path.stat().st_size
        if len(files) > order.archive.files_max:
            raise ModelSourceError(
                f"{order.shown}: has more than {order.archive.files_max} files; name the model's own directory"
            )
    if not files:
        raise ModelSourceError(f"{order.shown}: is an empty directory")
    return files


def _remote(order: _Order) -> None:
    if order.source.startswith(("http://", "https://")):
        if urlsplit(order.source).path.endswith("/"):
            web_directory.fetch(order.source, order.into, order.progress, order.download)
            return
        package = _place_of_download(order)
        download(order.source, package, order.progress, order.download)
    else:
        objects = Objects(order.source)
        if objects.is_directory():
            _objects(order, objects)
            return
        package = _place_of_download(order)
        _check_room(order, objects.size_bytes() or 0)
        objects.fetch("", package, order.progress)
    try:
        _unpack(order, package)
    finally:
        package.unlink(missing_ok=True)


def _objects(order: _Order, objects: Objects) -> None:
    files = objects.files()
    taken = choose(files, order.shown, order.inside)
    _check_room(order, sum(files[name] for name in taken))
    for name, to in taken.items():
        try:
            target = order.into / safe_name(to)
        except ValueError as flaw:
            raise ModelSourceError(f"{order.shown}: has a file that is refused: {flaw}") from None
        target.parent.mkdir(parents=True, exist_ok=True)
        objects.fetch(name, target, order.progress)


def _unpack(order: _Order, package: Path) -> None:
    with archive.opened(package, order.shown, order.archive) as opened:
        taken = choose(opened.files, order.shown, order.inside)
        _check_room(order, sum(opened.files[name] for name in taken))
        opened.extract({name: order.into / to for name, to in taken.items()})


def _check_room(order: _Order, needed_bytes: int) -> None:
    if needed_bytes > order.archive.bytes_max:
        raise ModelSourceError(
            f"{order.shown}: the model has {needed_bytes} bytes, more than {order.archive.bytes_max}"
        )
    if lack := lack_of_space(order.into, needed_bytes):
        raise ModelSourceError(f"{order.shown}: {lack}")


def _place_of_download(order: _Order) -> Path:
    """The same for the same address, so that a later call finds what is there."""
    return order.downloads / hashlib.sha256(order.source.encode()).hexdigest()[:32]
