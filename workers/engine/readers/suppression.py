"""Non-maximum suppression for what the graph left unfinished."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from contract.model_io import Activation, Suppression
from workers.engine.geometry import Floats
from workers.engine.readers.base import RawDetections


def suppressed(boxes: Floats, scores: Floats, first_class: int, how: Suppression) -> list[RawDetections]:
    """The best of candidates, class by class.

    boxes: float32 [B, A, 1 or C, 4], y_min, x_min, y_max, x_max; scores: float32 [B, A, C], whose first column is
    `first_class`.
    """
    if boxes.shape[:2] != scores.shape[:2]:
        raise ValueError(f"{boxes.shape[1]} boxes and {scores.shape[1]} rows of scores do not belong together")
    best, best_scores, columns, counts = (
        tensor.numpy()
        for tensor in tf.image.combined_non_max_suppression(
            boxes, scores, how.most, how.most, how.iou, how.min_score, clip_boxes=False
        )
    )
    return [
        RawDetections(best[i, :count], best_scores[i, :count], columns[i, :count].astype(np.int64) + first_class)
        for i, count in enumerate(counts)
    ]


def activated(logits: Floats, activation: Activation) -> Floats:
    """Scores from 0 to 1."""
    match activation:
        case "none":
            return logits
        case "sigmoid":
            return tf.sigmoid(logits).numpy()  # type: ignore[no-any-return]
        case "softmax":
            return tf.nn.softmax(logits).numpy()  # type: ignore[no-any-return]
