"""`python -m docs.pictures [pages] [terminal] [metrics]`: those that are named, or all that this machine can take.

Each starts a stack of its own on free ports, lets it work, and stops what it started, also on Ctrl-C. Minutes each.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.pictures import browser, metrics, pages, terminal
from vedette.stack.interrupt import stopped_by_signal

#: Name → what takes them in a scratch directory, and what says why it cannot (None: it can).
BOOKS: Final[Mapping[str, tuple[Callable[[Path], None], Callable[[], str | None]]]] = {
    "pages": (pages.take, browser.missing),
    "terminal": (terminal.take, lambda: None),
    "metrics": (metrics.take, metrics.missing),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description="Take the pictures of docs/images.")
    parser.add_argument("books", nargs="*", metavar="BOOK", help=f"of {', '.join(BOOKS)}; all, if none is named")
    named = parser.parse_args().books
    unknown = sorted({*named} - {*BOOKS})
    if unknown:
        parser.error(f"no such pictures: {', '.join(unknown)}; there are {', '.join(BOOKS)}")
    for name in named or BOOKS:
        take, cannot = BOOKS[name]
        why = cannot()
        if why is not None and named:
            raise SystemExit(f"error: {name}: {why}")
        if why is not None:
            print(f"{name}: left out: {why}")
            continue
        print(f"{name}:")
        with stopped_by_signal(), tempfile.TemporaryDirectory(prefix="vedette-pictures-") as scratch:
            take(Path(scratch))


if __name__ == "__main__":
    main()
