"""How wrong an answer is: focal loss on the centre heatmap, generalised IoU on the boxes."""

import tensorflow as tf

from training.net import STRIDE

BOX_WEIGHT = 3.0


def heat_loss(logits: tf.Tensor, heat: tf.Tensor, care: tf.Tensor) -> tf.Tensor:
    """Penalty-reduced focal loss of CenterNet (arXiv:1904.07850, equation 1), per defect in the batch."""
    p = tf.clip_by_value(tf.sigmoid(logits), 1e-4, 1 - 1e-4)
    middle = tf.cast(heat > 0.999, tf.float32)
    found = middle * tf.square(1 - p) * tf.math.log(p)
    quiet = (1 - middle) * tf.pow(1 - heat, 4.0) * tf.square(p) * tf.math.log(1 - p) * care
    return -tf.reduce_sum(found + quiet) / tf.maximum(tf.reduce_sum(middle), 1.0)


def box_loss(sides: tf.Tensor, boxes: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Mean of 1 - GIoU (arXiv:1902.09630) over the batch's defects."""
    predicted = sides_to_boxes(sides)
    left_top = tf.minimum(predicted[..., :2], boxes[..., :2])
    right_bottom = tf.maximum(predicted[..., 2:], boxes[..., 2:])
    overlap = _area(tf.maximum(predicted[..., :2], boxes[..., :2]), tf.minimum(predicted[..., 2:], boxes[..., 2:]))
    union = _area(predicted[..., :2], predicted[..., 2:]) + _area(boxes[..., :2], boxes[..., 2:]) - overlap
    hull = _area(left_top, right_bottom)
    giou = overlap / tf.maximum(union, 1e-3) - (hull - union) / tf.maximum(hull, 1e-3)
    return tf.reduce_sum((1 - giou) * weight) / tf.maximum(tf.reduce_sum(weight), 1.0)


def sides_to_boxes(sides: tf.Tensor) -> tf.Tensor:
    """[B, H, W, 4] logarithms of left, top, right, bottom in strides -> x_min, y_min, x_max, y_max in pixels."""
    rows, columns = tf.shape(sides)[1], tf.shape(sides)[2]
    x = (tf.cast(tf.range(columns), tf.float32)[None, None, :] + 0.5) * STRIDE
    y = (tf.cast(tf.range(rows), tf.float32)[None, :, None] + 0.5) * STRIDE
    reach = tf.exp(tf.minimum(sides, 6.0)) * STRIDE
    return tf.stack([x - reach[..., 0], y - reach[..., 1], x + reach[..., 2], y + reach[..., 3]], axis=-1)


def _area(left_top: tf.Tensor, right_bottom: tf.Tensor) -> tf.Tensor:
    size = tf.maximum(right_bottom - left_top, 0.0)
    return size[..., 0] * size[..., 1]
