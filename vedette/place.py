"""Where results go: what `--out` and `--format` mean together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from producer.errors import InvalidArgument
from producer.exports import FORMATS

#: Folder of results when none is named; each job has its own below.
DEFAULT: Final = Path("vedette-out")
STDOUT: Final = "-"
_SUFFIXES: Final = frozenset(Path(known.file_name).suffix for known in FORMATS.values())


@dataclass(frozen=True)
class Place:
    #: Format and file of each document; a file of None is stdout.
    files: tuple[tuple[str, Path | None], ...]
    #: Where the files are, and drawings may go; None for stdout.
    folder: Path | None

    @classmethod
    def meant(cls, out: str | None, formats: Sequence[str] = ("jsonl",), default: Path = DEFAULT) -> Self:
        """`out` is a folder, a file by its suffix (.jsonl, .json, .csv), `-` for stdout, or None for `default`.

        InvalidArgument when several formats should go into one file, or one into a file of another suffix.
        """
        names = [*dict.fromkeys(formats)]
        if out == STDOUT:
            return cls(((_only(names, "stdout"), None),), None)
        path = default if out is None else Path(out)
        if out is None or path.suffix.lower() not in _SUFFIXES:
            return cls(tuple((name, path / FORMATS[name].file_name) for name in names), path)
        name = _only(names, out)
        if Path(FORMATS[name].file_name).suffix != path.suffix.lower():
            raise InvalidArgument(
                f"--out {out}: the format {name} is no {path.suffix.lower()}; say which with --format, or name a folder"
            )
        return cls(((name, path),), path.parent)

    @property
    def shown(self) -> str:
        """For people."""
        return ", ".join("stdout" if path is None else str(path) for _, path in self.files)


def _only(names: Sequence[str], out: str) -> str:
    if len(names) > 1:
        raise InvalidArgument(f"--out {out}: takes one format, not {' and '.join(names)}; name a folder for several")
    return names[0]
