"""Whether what a model said of drawn pictures can be detections at all. Pure NumPy.

A trained network finds something in any picture, if only with low scores, and a wrong reading shows in the numbers:
pixels taken for fractions lie far outside, sizes taken for corners are turned inside out, logits taken for scores are
no scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.engine.readers.base import RawDetections

#: Best rows of a picture that are looked at.
_ROWS = 20
#: Scores below are rows that stand for nothing.
_LOWEST_SCORE = 1e-4
#: Share of rows that may be odd: untrained or badly trained networks are.
_ODD = 0.2
_CLASSES_MOST = 100_000


def implausible(found: Sequence[RawDetections]) -> str | None:
    """What speaks against it; None when nothing does."""
    rows = [_best(raw) for raw in found]
    boxes = np.concatenate([raw.boxes for raw in rows])
    scores = np.concatenate([raw.scores for raw in rows])
    class_ids = np.concatenate([raw.class_ids for raw in rows])
    if not np.isfinite(scores).all() or not np.isfinite(boxes).all():
        return "boxes or scores are not numbers"
    if not len(scores):
        return None
    if scores.max() > 1.001:
        return f"scores go up to {scores.max():.3g}: they look like logits, which need an activation"
    if class_ids.max() > _CLASSES_MOST:
        return f"class {class_ids.max()} is no class"
    if _share(boxes[:, 2:] < boxes[:, :2] - 1e-4) > _ODD:
        return "boxes end before they begin: the order of their numbers is another"
    if _share((boxes < -0.5) | (boxes > 1.5)) > _ODD:
        return f"boxes lie far outside the picture, up to {np.abs(boxes).max():.3g} of its side: the unit is another"
    return None


def evident(found: Sequence[RawDetections]) -> bool:
    """Whether there is any box to judge by."""
    return any(
        bool((raw.boxes[:, 2:] > raw.boxes[:, :2]).all(axis=1).any()) for raw in map(_best, found) if len(raw.boxes)
    )


def _best(raw: RawDetections) -> RawDetections:
    order = [row for row in np.argsort(-raw.scores)[:_ROWS] if not raw.scores[row] < _LOWEST_SCORE]
    return RawDetections(raw.boxes[order], raw.scores[order], raw.class_ids[order])


def _share(odd: np.ndarray) -> float:
    """Of the rows with an oddity in any column."""
    return float(odd.any(axis=1).mean())
