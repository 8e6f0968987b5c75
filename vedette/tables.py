"""Plain tables: no lines, nothing cut off; where there is no terminal, one row is one line."""

import sys
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNFOLDED: Final = 1000


def table(*columns: str) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        rows.add_column(column, overflow="fold")
    return rows


def verbatim(text: str) -> Text:
    """A cell of somebody else's text: in one line, and its brackets are no markup."""
    return Text(" ".join(text.split()))


def print_table(rows: Table) -> None:
    width = None if sys.stdout.isatty() else _UNFOLDED
    Console(width=width, highlight=False).print(rows)
