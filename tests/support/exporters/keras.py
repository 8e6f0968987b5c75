"""As KerasHub's detectors export."""

import math
from pathlib import Path

import tensorflow as tf

from tests.support.exporters.bright import Bright, padded, save

_SIDE_PX = 128
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_ROWS = 5


def _logits(scores: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(scores, 1e-6) / (1 - scores))


def retinanet(directory: Path) -> None:
    """Regressions at the first anchor of all: at the corner, 46 px wide and 22 px high by KerasHub's rounding."""
    model = Bright()
    anchors = 9 * sum(math.ceil(_SIDE_PX / 2**level) ** 2 for level in range(3, 8))

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images * _STD + _MEAN)
        y_min, x_min, y_max, x_max = tf.unstack(tf.maximum(boxes, 1e-6) * _SIDE_PX, axis=1)
        height, width = tf.maximum(y_max - y_min, 1.0), tf.maximum(x_max - x_min, 1.0)
        moves = [(x_min + x_max) / 2 / 46, (y_min + y_max) / 2 / 22, tf.math.log(width / 46), tf.math.log(height / 22)]
        regression = padded(tf.stack(moves, axis=1)[:, None], anchors)
        logits = padded(tf.stack([_logits(scores), _logits(scores * 0)], axis=1)[:, None], anchors, -14.0)
        return {"bbox_regression": regression, "cls_logits": logits}

    save(directory, model, tf.TensorSpec([None, _SIDE_PX, _SIDE_PX, 3], tf.float32, "images"), answer)


def retinanet_decoded(directory: Path) -> None:
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images * _STD + _MEAN)
        return {
            "boxes": padded(boxes[:, None] * _SIDE_PX, _ROWS, -1.0),
            "confidence": padded(scores[:, None], _ROWS, -1.0),
            "labels": padded(tf.cast(scores[:, None] * 0, tf.int32), _ROWS, -1),
            "num_detections": tf.cast(scores > 0, tf.int32),
        }

    save(directory, model, tf.TensorSpec([1, _SIDE_PX, _SIDE_PX, 3], tf.float32, "images"), answer)


def d_fine(directory: Path) -> None:
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images * 255)
        y_min, x_min, y_max, x_max = tf.unstack(boxes, axis=1)
        centred = tf.stack([(x_min + x_max) / 2, (y_min + y_max) / 2, x_max - x_min, y_max - y_min], axis=1)
        logits = tf.stack([_logits(scores), _logits(scores * 0)], axis=1)
        return {
            "logits": padded(logits[:, None], 300, -14.0),
            "pred_boxes": padded(centred[:, None], 300),
            "intermediate_logits": logits,
            "enc_topk_bboxes": boxes,
        }

    save(directory, model, tf.TensorSpec([None, _SIDE_PX, _SIDE_PX, 3], tf.float32, "images"), answer)
