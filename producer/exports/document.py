"""What a format is: a document that grows image by image. Pure: text is returned, somebody else writes it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from contract.messages import Detection, ImageResult


class Document(Protocol):
    """Call `start` once, `add` for each image, `end` once. What they return, one after the other, is the document."""

    def start(self) -> str: ...

    def add(self, index: int, result: ImageResult) -> str:
        """`index` counts the images as they were submitted, from 0. Empty when the format has no place for it."""

    def end(self) -> str: ...


@dataclass(frozen=True)
class Format:
    document: Callable[[], Document]
    file_name: str
    media_type: str


class Items:
    """Items of a JSON array, one a line; an item that begins with a comma follows another."""

    def __init__(self) -> None:
        self._any = False

    def add(self, item: Mapping[str, Any]) -> str:
        before = ",\n" if self._any else "\n"
        self._any = True
        return before + as_json(item)


class Categories:
    """Class ids met so far, with their labels: as many as the model has classes, however many images there are."""

    def __init__(self) -> None:
        self._labels: dict[int, str] = {}

    def note(self, detection: Detection) -> None:
        self._labels.setdefault(detection.class_id, detection.label.strip() or str(detection.class_id))

    def items(self) -> list[tuple[int, str]]:
        return sorted(self._labels.items())


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
