"""Plain tables: no lines, nothing cut off; where there is no terminal, one row is one line."""

import sys
from typing import Final

import click
from rich.console import Console, RenderableType
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
    show(rows, _UNFOLDED)


def show(page: RenderableType, width: int) -> None:
    """On stdout, as wide as the terminal; where there is none, `width` characters. No line ends with blanks."""
    console = Console(width=None if sys.stdout.isatty() else width, highlight=False)
    with console.capture() as drawn:
        console.print(page)
    for line in drawn.get().splitlines():  # rich fills the cells of a table with them
        click.echo(line.rstrip())
