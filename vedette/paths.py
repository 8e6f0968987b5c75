"""Which images a command line means: folders, globs, files and addresses. Reads directories, opens nothing.

A name is the path as the user gave it, so that results can be joined with what the user has: `photos/a.jpg` for
`vedette detect photos`, absolute only where an absolute path was given.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from contract.references import looks_like_address
from producer.errors import InvalidArgument

#: Suffixes that make a file in a folder an image: what the workers' OpenCV reads. Any case.
SUFFIXES: Final = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
        *(".jp2", ".avif", ".pgm", ".ppm", ".pnm"),
    }
)
_DIGITS: Final = re.compile(r"(\d+)")


def expand(arguments: Iterable[str]) -> list[tuple[str, str | Path]]:
    """(name, absolute path or address) of each image that is meant, once; in the arguments' order, naturally sorted.

    - a folder: files with an image suffix, in it and below; hidden ones are passed over, linked folders not entered
    - a file, or a name with an image suffix: that one, whether it exists here or not (workers look for themselves)
    - an address, such as https://…: that one; the producer says whether it is allowed
    - a pattern: files with an image suffix or with the suffix that the pattern ends in; folders as above

    InvalidArgument when an argument means no image, or a folder cannot be read.
    """
    images: dict[str | Path, str] = {}
    for argument in arguments:
        if _is_address(argument):
            images.setdefault(argument, argument)
            continue
        found = sorted(_meant_by(argument), key=lambda path: natural_key(str(path)))
        if not found:
            raise InvalidArgument(f"no image in {argument}: looked for files that end in {_list(SUFFIXES)}")
        for path in found:
            images.setdefault(path.absolute(), str(path))
    return [(name, place) for place, name in images.items()]


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sorts as people do: `a2.jpg` before `a10.jpg`, upper and lower case together."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in _DIGITS.split(text) if part]


def is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_address(argument: str) -> bool:
    return looks_like_address(argument) and not Path(argument).exists()


def _meant_by(argument: str) -> Iterator[Path]:
    path = Path(argument)
    if path.is_dir():
        yield from _below(path)
    elif path.is_file():
        yield path
    elif glob.has_magic(argument):
        yield from _matching(argument)
    elif is_image(path):
        yield path
    else:
        raise InvalidArgument(
            f"nothing at {argument}: expected a folder, an image file, an address, or a pattern such as '*.jpg'"
        )


def _matching(pattern: str) -> Iterator[Path]:
    suffix = Path(pattern).suffix
    spelled_out = suffix.lower() if suffix and not glob.has_magic(suffix) else None
    for match in map(Path, glob.iglob(pattern, recursive=True)):  # noqa: PTH207  # takes absolute patterns too
        if match.is_dir():
            yield from _below(match)
        elif is_image(match) or match.suffix.lower() == spelled_out:
            yield match


def _below(folder: Path) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        raise InvalidArgument(f"cannot look into {error.filename}: {error.strerror}")

    for directory, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(directory, name)
            if is_image(path) and not name.startswith("."):
                yield path


def _list(suffixes: Iterable[str]) -> str:
    return " ".join(sorted(suffixes))
