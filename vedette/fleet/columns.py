"""Which columns of a table a terminal has room for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

#: Between two columns.
GAP: Final = 2


@dataclass(frozen=True)
class Column:
    title: str
    #: The smaller, the longer it stays when there is too little room; 0: always.
    rank: int
    #: May be folded into so many characters; None: never.
    shortest: int | None = None
    right: bool = False


Row = Mapping[str, str]


def fitting(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Column]:
    """Those of `columns` that stand beside each other in `width` characters, in their order. Empty ones never do.

    The highest rank goes first; those of rank 0 stay, however narrow it is.
    """
    kept = [column for column in columns if column.rank == 0 or any(row.get(column.title) for row in rows)]
    while _needed(kept, rows) > width and (droppable := [column for column in kept if column.rank]):
        kept.remove(max(droppable, key=lambda column: column.rank))
    return kept


def _needed(columns: Sequence[Column], rows: Sequence[Row]) -> int:
    return sum(_least(column, rows) for column in columns) + GAP * (len(columns) - 1)


def _least(column: Column, rows: Sequence[Row]) -> int:
    longest = max([len(column.title), *(len(row.get(column.title, "")) for row in rows)])
    return longest if column.shortest is None else min(longest, max(column.shortest, len(column.title)))
