"""Whether two ways to run a model find the same: matched boxes within a tolerance. Pure NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workers.engine.geometry import Floats
from workers.engine.readers.base import RawDetections

IOU_MIN: Final = 0.95
SCORE_OFF_MAX: Final = 0.02
#: Share of detections that may have no partner. Where two boxes are nearly equally good, what is rounded off decides
#: which one suppression leaves: in bfloat16 that is one in a hundred on plates, and mAP stays: `benchmarks.precision`.
ALONE_MAX: Final = 0.02
#: Compared are detections of at least that score; where there are none, the best so many of an image.
SCORE_MIN: Final = 0.3
BEST: Final = 20
#: Below, scores say nothing: then the tensors themselves are compared.
NOTHING: Final = 0.02
#: Of numbers that nobody has made detections of.
NUMBERS_OFF_MAX: Final = 1e-2

Tensors = Mapping[str, npt.NDArray[Any]]


def difference(exported: Sequence[RawDetections], other: Sequence[RawDetections]) -> str:
    """What `other` finds otherwise on the same images, for people; "" when all is within the tolerance."""
    if len(exported) != len(other):
        return f"{len(exported)} images got {len(other)} answers"
    without, count = alone(exported, other)
    if len(without) <= ALONE_MAX * count:
        return ""
    return without[0] if len(without) == 1 else f"{without[0]}, and {len(without) - 1} more of {count}"


def alone(exported: Sequence[RawDetections], other: Sequence[RawDetections]) -> tuple[list[str], int]:
    """The detections that count and have no partner in the other, for people, and how many count, in both.

    A partner is of the same class, its IoU at least 0.95 and its score within 0.02. A score that little below the one
    that counts may be above it on the other side, so all rows may be partners.
    """
    without, count = list[str](), 0
    for one, its in zip(exported, other, strict=True):
        for these, those, whose in ((one, its, "the exported graph"), (its, one, "this one")):
            for row in counting(these):
                count += 1
                if not _has_partner(these, int(row), those):
                    found = f"class {these.class_ids[row]} with a score of {these.scores[row]:.2f}"
                    without.append(f"{found} is found by {whose} only, or elsewhere")
    return without, count


def finds_nothing(found: Sequence[RawDetections]) -> bool:
    """Whether there is no score on any image that could be compared."""
    return all(each.scores.max(initial=0.0) < NOTHING for each in found)


def numbers_differ(exported: Sequence[Tensors], other: Sequence[Tensors]) -> str:
    """The same of the tensors of each image, for a model that finds nothing on any of them."""
    for one, its in zip(exported, other, strict=True):
        for name, numbers in one.items():
            if numbers.shape != its[name].shape:
                return f"{name} is {list(its[name].shape)} instead of {list(numbers.shape)}"
            if not np.allclose(its[name], numbers, rtol=NUMBERS_OFF_MAX, atol=NUMBERS_OFF_MAX):
                off = np.abs(its[name].astype(np.float64) - numbers.astype(np.float64)).max()
                return f"{name} is off by {off:.2g}"
    return ""


def counting(found: RawDetections) -> npt.NDArray[np.int64]:
    """Rows that must have a partner."""
    above = np.flatnonzero(found.scores >= SCORE_MIN)
    if len(above):
        return above
    best_first = np.argsort(-found.scores, kind="stable")[:BEST]
    return best_first[found.scores[best_first] >= NOTHING]


def _has_partner(these: RawDetections, row: int, those: RawDetections) -> bool:
    near = np.abs(those.scores - these.scores[row]) <= SCORE_OFF_MAX
    same = those.class_ids == these.class_ids[row]
    return bool(np.any(near & same & (iou(these.boxes[row], those.boxes) >= IOU_MIN)))


def iou(box: Floats, boxes: Floats) -> npt.NDArray[np.float64]:
    """Intersection over union of a box [4] with each of boxes [M, 4]; a box without area is like itself only."""
    box, boxes = box.astype(np.float64), boxes.astype(np.float64)
    sides = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    common = sides.prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - common
    same = np.isclose(boxes, box, atol=1e-4).all(axis=1)
    ratio: npt.NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return np.where(same, 1.0, ratio)
