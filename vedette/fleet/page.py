"""The page of `vedette fleet`: a headline and three tables, as wide as the terminal allows."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from producer.fleet import FleetView
from vedette.fleet.columns import GAP, Column, Row, fitting
from vedette.fleet.rows import MODELS, QUEUES, WORKERS, headline, model_rows, queue_rows, worker_rows

#: Of more queues or models, those without work are only counted.
_ALL_SHOWN: Final = 20
#: What needs somebody's eyes, by how the cell begins.
_STYLES: Final = {"nobody": "bold red", "draining": "yellow", "withdrawn": "yellow", "slots died": "yellow"}
_TROUBLE: Final = "bold red"


class FleetPage:
    """Rich renders it at the width of whatever it is shown on."""

    def __init__(self, view: FleetView | None, *, each: bool = False, trouble: str | None = None) -> None:
        """`view`: None when nothing has been seen yet. `trouble`: why what is shown is not of now."""
        self._view = view
        self._each = each
        self._trouble = trouble

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._trouble is not None:
            yield Text(self._trouble, style=_TROUBLE)
        if self._view is not None:
            yield from self._tables(self._view, options.max_width)

    def _tables(self, view: FleetView, width: int) -> RenderResult:
        yield Text.assemble((f"Fleet at {view.at:%H:%M:%S} UTC", "bold"), f"  {headline(view)}")
        yield from _section(WORKERS, worker_rows(view, each=self._each), width)
        queues = queue_rows(view, empty=len(view.queues) <= _ALL_SHOWN)
        yield from _section(QUEUES, queues, width, len(view.queues) - len(queues), "queues without work")
        models = model_rows(view, empty=len(view.models) <= _ALL_SHOWN)
        yield from _section(MODELS, models, width, len(view.models) - len(models), "models without work")


def _section(
    columns: Sequence[Column], rows: Sequence[Row], width: int, left_out: int = 0, what: str = ""
) -> RenderResult:
    if rows or left_out:
        yield Text()
    if rows:
        yield table_of(columns, rows, width)
    if left_out:
        yield Text(f"… and {left_out:,} {what}", style="dim")


def table_of(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Table:
    """With as many of the columns as there is room for. What may be cut off is folded instead: nothing is hidden."""
    shown = fitting(columns, rows, width)
    drawn = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in shown:
        drawn.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.shortest is None,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(_cell(row.get(column.title, "")) for column in shown))
    return drawn


def _cell(text: str) -> Text:
    style = next((style for beginning, style in _STYLES.items() if text.startswith(beginning)), "")
    return Text(" ".join(text.split()), style=style)
