"""Where results go: `results.jsonl`, one line per image, written as images complete. Format: docs/protocol.md."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from contract.messages import ImageResult
from vedette.errors import OutputUnusable

FILE_NAME: Final = "results.jsonl"
#: Folder of results when none is named; each job has its own below.
DEFAULT: Final = Path("vedette-out")


class ResultLines:
    """The open file. An earlier one of the same name is replaced: the ledger still has its results."""

    def __init__(self, stream: TextIO, path: Path | None) -> None:
        self._stream = stream
        #: None for stdout.
        self.path = path

    @classmethod
    def to(cls, folder: Path | None) -> Self:
        """`results.jsonl` in `folder`, which is made; None: stdout."""
        if folder is None:
            return cls(sys.stdout, None)
        path = folder / FILE_NAME
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            return cls(path.open("w", encoding="utf-8"), path)

    @property
    def shown(self) -> str:
        """Where the results are, for people."""
        return "stdout" if self.path is None else str(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.path is not None:
            with writing(self.path):
                self._stream.close()

    def write(self, result: ImageResult) -> None:
        """Adds a line and flushes it, so that a reader of the file sees every image that is done."""
        line = result.model_dump_json() + "\n"
        if self.path is None:
            self._stream.write(line)  # a closed pipe is click's to tell
            self._stream.flush()
            return
        with writing(self.path):
            self._stream.write(line)
            self._stream.flush()


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
