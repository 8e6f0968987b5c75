"""Writes results as images complete, each in every format that was asked for. Formats: docs/formats.md."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from contract.messages import ImageResult
from producer.exports import FORMATS, Document
from vedette.errors import OutputUnusable
from vedette.place import Place


class ResultFiles:
    """The open files. Earlier ones of the same name are replaced: the ledger still has their results."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._files: list[_OpenDocument] = []
        self._opened = ExitStack()

    @property
    def shown(self) -> str:
        """Where the results are, for people."""
        return self._place.shown

    def __enter__(self) -> Self:
        with self._opened:  # closes what is open already if the next cannot be
            for name, path in self._place.files:
                self._files.append(self._opened.enter_context(_open(FORMATS[name].document(), path)))
            self._opened = self._opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def write(self, index: int, result: ImageResult) -> None:
        """Adds the image and flushes, so that a reader of the file sees every image that is done."""
        for file in self._files:
            file.write(file.document.add(index, result))


class _OpenDocument:
    def __init__(self, document: Document, stream: TextIO, path: Path | None) -> None:
        self.document = document
        self._stream = stream
        self._path = path

    def write(self, text: str) -> None:
        if not text:
            return
        if self._path is None:
            self._stream.write(text)  # a closed pipe is click's to tell
            self._stream.flush()
            return
        with writing(self._path):
            self._stream.write(text)
            self._stream.flush()


@contextmanager
def _open(document: Document, path: Path | None) -> Iterator[_OpenDocument]:
    """The document begun, and ended on leaving; one that is left early is whole all the same, with what there is."""
    if path is None:
        stream: TextIO = sys.stdout
    else:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("w", encoding="utf-8", newline="")  # line ends are the format's
    file = _OpenDocument(document, stream, path)
    try:
        file.write(document.start())
        yield file
        file.write(document.end())
    except BaseException as error:
        if not isinstance(error, OSError | OutputUnusable):  # these say that nothing can be written
            file.write(document.end())
        raise
    finally:
        if path is not None:
            with writing(path):
                stream.close()


def check_writable(folder: Path) -> None:
    """OutputUnusable now rather than when the job is half done."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".vedette-probe"
        probe.touch()
        probe.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """OutputUnusable for an OSError, with the path and the system's reason."""
    try:
        yield
    except OSError as error:
        raise OutputUnusable(
            f"cannot write {error.filename or path}: {error.strerror}. Name another folder with --out."
        ) from error
