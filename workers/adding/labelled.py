"""Which label belongs to which number that the model gives. Pure.

Two conventions meet: label maps number their classes from 1 and keep 0 for the background, many exporters' outputs
begin with 0. A file that numbers its labels is shifted to where the model's classes begin.
"""

from collections.abc import Collection, Mapping
from typing import Final

from contract.errors import LabelsError
from workers.labels import COCO_90_GAPS, flaw_in_coverage

_BACKGROUND: Final = frozenset({"background", "__background__"})


def shifted(labels: Mapping[int, str], first_class: int) -> dict[int, str]:
    """`labels` as the model numbers its classes, of which the first is `first_class`.

    | labels from        | model from | becomes |
    |--------------------|------------|---------|
    | 1: person          | 1          | 1       |
    | 1: person          | 0          | 0       |
    | 0: person          | 1          | 1       |
    | 0: background      | 1          | 0       |
    """
    named = {number: label for number, label in labels.items() if label.lower() not in _BACKGROUND}
    begin = 1 if named and min(named) >= 1 else 0
    if begin == first_class or not named:
        return dict(labels)
    return {number + first_class - begin: label for number, label in named.items()}


def checked(labels: Mapping[int, str], first_class: int, class_count: int | None, seen: Collection[int]) -> None:
    """LabelsError when a class that the model has, or has been seen to give, is without a label.

    `class_count`: None where nobody knows; then only what the trial run gave is held against them.
    """
    known = range(first_class, first_class + class_count) if class_count is not None else ()
    gaps = {number - 1 + first_class for number in COCO_90_GAPS} if _is_coco(labels, first_class) else frozenset()
    flaw = flaw_in_coverage(dict(labels), {*known, *(number for number in seen if number >= first_class)}, gaps)
    if flaw is not None:
        raise LabelsError(f"{flaw}. Name the model's own labels with --labels")


def _is_coco(labels: Mapping[int, str], first_class: int) -> bool:
    """COCO's 80 names over 90 numbers: exports have as many classes as there are numbers."""
    return len(labels) == 80 and max(labels) == 89 + first_class
