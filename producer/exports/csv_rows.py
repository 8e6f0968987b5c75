"""Comma-separated values, RFC 4180, for spreadsheets and data frames: a row for each detection.

An image in which nothing was found has one row, and so has one that failed; `outcome` says which a row is.

Names of images come from outside, and a spreadsheet takes a cell that begins with `=` for a formula and runs it. Such
text gets an apostrophe before it, https://owasp.org/www-community/attacks/CSV_Injection; so does text that begins with
an apostrophe, so that a reader who takes one off always has what there was.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from contract.messages import Detection, ImageResult

COLUMNS: Final = (
    *("index", "image", "outcome", "label", "class_id", "score"),
    *("x_min", "y_min", "x_max", "y_max"),
    *("width", "height", "code", "message", "model", "worker"),
)
#: Also as the wide forms that spreadsheets in East Asian languages take for the same.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "'")


class CsvRows:
    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)

    def start(self) -> str:
        return self._lines([COLUMNS])

    def add(self, index: int, result: ImageResult) -> str:
        rows = ({**_of_image(index, result), **row} for row in _rows(result))
        return self._lines([_cell(row.get(column)) for column in COLUMNS] for row in rows)

    def end(self) -> str:
        return ""

    def _lines(self, rows: Iterable[Iterable[Any]]) -> str:
        self._writer.writerows(rows)
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text


def _of_image(index: int, result: ImageResult) -> dict[str, Any]:
    return {
        "index": index,
        "image": result.image,
        "width": result.width,
        "height": result.height,
        "model": result.model,
        "worker": result.worker,
    }


def _rows(result: ImageResult) -> Iterator[dict[str, Any]]:
    if result.failure is not None:
        yield {"outcome": "failure", "code": result.failure.code, "message": result.failure.message}
    elif not result.detections:
        yield {"outcome": "nothing"}
    else:
        yield from map(_of_detection, result.detections)


def _of_detection(detection: Detection) -> dict[str, Any]:
    box = zip(("x_min", "y_min", "x_max", "y_max"), detection.box, strict=True)
    return {
        "outcome": "detection",
        "label": detection.label,
        "class_id": detection.class_id,
        "score": detection.score,
        **dict(box),
    }


def _cell(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula; numbers as they are, and None as the empty cell."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
