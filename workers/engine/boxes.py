"""From a model's numbers to detections in pixels. Pure NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from contract.messages import Detection

if TYPE_CHECKING:
    from workers.engine.saved_model import RawDetections


def to_detections(
    raw: RawDetections, *, width_px: int, height_px: int, labels: Mapping[str, str], min_score: float
) -> list[Detection]:
    """Detections of at least `min_score`, best first; boxes clipped to the image, in pixels to a hundredth.

    A class without a label keeps its number as its label: a detection is never dropped for a missing name. ValueError
    for a box with a NaN; a score that is one is below any minimum.
    """
    keep = np.flatnonzero(raw.scores >= min_score)
    best_first = keep[np.argsort(-raw.scores[keep], kind="stable")]
    scale = np.array([height_px, width_px, height_px, width_px], dtype=np.float32)
    boxes = np.clip(raw.boxes[best_first], 0.0, 1.0) * scale
    if not np.isfinite(boxes).all():
        raise ValueError("the model gave a box that is not a number")
    return [
        Detection(
            label=labels.get(str(class_id), str(class_id)),
            class_id=class_id,
            score=round(float(raw.scores[row]), 4),
            box=(round(x_min, 2), round(y_min, 2), round(x_max, 2), round(y_max, 2)),
        )
        for row, class_id, (y_min, x_min, y_max, x_max) in zip(
            best_first.tolist(), raw.class_ids[best_first].tolist(), boxes.tolist(), strict=True
        )
    ]
