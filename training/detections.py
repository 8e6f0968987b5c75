"""From the network's grid to the Object Detection API's answer, in the graph: peaks, boxes, non-maximum suppression."""

import tensorflow as tf

from training.loss import sides_to_boxes
from training.net import CLASSES, STRIDE

DETECTIONS = 100
CANDIDATES = 300
"""Peaks that reach suppression; bounds its work however large the image is."""

SCORE_THRESHOLD, OVERLAP_THRESHOLD = 0.05, 0.5

CALIBRATION = 0.756
"""Exponent that lifts a raw peak of 0.4, where misses and false alarms balance on held-out plates, to a score of 0.5:
what everybody cuts at. It keeps the order, and so every figure of average precision."""


def detections(logits: tf.Tensor, sides: tf.Tensor, seen_px: tf.Tensor) -> dict[str, tf.Tensor]:
    """The four outputs of the signature. `seen_px` int32 [2]: rows and columns of the input that are no padding.

    detection_boxes    float32 [B, 100, 4], ymin, xmin, ymax, xmax in 0..1 of the image; zeros after the last detection.
    detection_scores   float32 [B, 100], falling.
    detection_classes  float32 [B, 100], 1-based; 1 after the last detection.
    num_detections     float32 [B].
    """
    batch = tf.shape(logits)[0]
    scores = tf.sigmoid(logits) ** CALIBRATION
    peaks = tf.where(scores >= tf.nn.max_pool2d(scores, 3, 1, "SAME"), scores, 0.0) * _is_image(logits, seen_px)
    flat = tf.reshape(peaks, [batch, -1])
    best, index = tf.math.top_k(flat, tf.minimum(CANDIDATES, tf.shape(flat)[1]))
    x_min, y_min, x_max, y_max = tf.unstack(
        tf.gather(tf.reshape(sides_to_boxes(sides), [batch, -1, 4]), index // CLASSES, batch_dims=1), axis=-1
    )
    rows, columns = tf.unstack(tf.cast(seen_px, tf.float32))
    boxes = tf.stack([y_min / rows, x_min / columns, y_max / rows, x_max / columns], axis=-1)
    kept = tf.image.combined_non_max_suppression(
        tf.clip_by_value(boxes, 0.0, 1.0)[:, :, None, :],
        best[..., None] * tf.one_hot(index % CLASSES, CLASSES),
        max_output_size_per_class=DETECTIONS,
        max_total_size=DETECTIONS,
        iou_threshold=OVERLAP_THRESHOLD,
        score_threshold=SCORE_THRESHOLD,
    )
    return {
        "detection_boxes": kept.nmsed_boxes,
        "detection_scores": kept.nmsed_scores,
        "detection_classes": kept.nmsed_classes + 1,
        "num_detections": tf.cast(kept.valid_detections, tf.float32),
    }


def _is_image(logits: tf.Tensor, seen_px: tf.Tensor) -> tf.Tensor:
    """float32 [1, H, W, 1]: 1 where a cell begins inside the image, 0 where it is all padding."""
    rows = tf.range(tf.shape(logits)[1]) * STRIDE < seen_px[0]
    columns = tf.range(tf.shape(logits)[2]) * STRIDE < seen_px[1]
    return tf.cast(rows[:, None] & columns[None, :], tf.float32)[None, :, :, None]
