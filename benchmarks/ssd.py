"""A detector of the usual kind, for benchmarks: MobileNetV2 at 320 x 320, SSD heads, suppression of 90 classes.

Its weights are random, which costs as much time as trained ones; it finds nonsense. Its signature and what it computes
are those of the Object Detection API's exports: images are resized in the graph, one by one, as `tf.map_fn` does it;
batch normalisation is one op, with means and offsets that are not zero, for TensorFlow leaves those out.
Layers, anchors and heads (`kernel_size: 1`) are as in ssd_mobilenet_v2_320x320_coco17_tpu-8.config of
tensorflow/models.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

SIDE_PX: Final = 320
CLASSES: Final = 90
#: Grid side -> anchors in each cell, as in ssd_mobilenet_v2_320x320.
ANCHORS: Final = {20: 3, 10: 6, 5: 6, 3: 6, 2: 6, 1: 6}
ROWS_MAX: Final = 100


class Ssd(tf.Module):  # type: ignore[misc]
    """input_tensor uint8 [B, H, W, 3] RGB -> detection_boxes, _scores, _classes and num_detections."""

    def __init__(self) -> None:
        super().__init__()
        tf.keras.utils.set_random_seed(1)
        self.net = _network()
        self.anchors = _anchors()

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
    def detect(self, input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        seen = tf.map_fn(_seen, input_tensor, fn_output_signature=tf.TensorSpec([SIDE_PX, SIDE_PX, 3], tf.float32))
        offsets, logits = self.net(seen, training=False)
        centre = self.anchors[:, :2] + offsets[..., :2] * 0.1 * self.anchors[:, 2:]
        size = self.anchors[:, 2:] * tf.exp(offsets[..., 2:] * 0.2)
        boxes = tf.concat([centre - size / 2, centre + size / 2], axis=-1)
        found = tf.image.combined_non_max_suppression(
            boxes[:, :, None], tf.sigmoid(logits), ROWS_MAX, ROWS_MAX, iou_threshold=0.6, score_threshold=0.01
        )
        return {
            "detection_boxes": found.nmsed_boxes,
            "detection_scores": found.nmsed_scores,
            "detection_classes": found.nmsed_classes + 1,
            "num_detections": tf.cast(found.valid_detections, tf.float32),
        }


def save(directory: Path) -> None:
    model = Ssd()
    tf.saved_model.save(model, str(directory), signatures={"serving_default": model.detect})


def _seen(image: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(image, [SIDE_PX, SIDE_PX]) / 127.5 - 1


def _network() -> tf.keras.Model:
    backbone = tf.keras.models.clone_model(
        tf.keras.applications.MobileNetV2(input_shape=(SIDE_PX, SIDE_PX, 3), include_top=False, weights=None),
        clone_function=_as_exported,
    )
    _learn_normalisation(backbone)
    levels = [backbone.get_layer("block_13_expand_relu").output, backbone.output]
    for depth in (512, 256, 256, 128):
        narrow = tf.keras.layers.Conv2D(depth // 2, 1, activation="relu6")(levels[-1])
        levels.append(tf.keras.layers.Conv2D(depth, 3, strides=2, padding="same", activation="relu6")(narrow))
    offsets, logits = [], []
    for level, anchors in zip(levels, ANCHORS.values(), strict=True):
        offsets.append(tf.keras.layers.Reshape((-1, 4))(tf.keras.layers.Conv2D(anchors * 4, 1)(level)))
        # Few of random scores may pass the threshold, as few of a trained detector do: its work is in the rows that do.
        head = tf.keras.layers.Conv2D(anchors * CLASSES, 1, bias_initializer=tf.constant_initializer(-6))
        logits.append(tf.keras.layers.Reshape((-1, CLASSES))(head(level)))
    join = tf.keras.layers.Concatenate(axis=1)
    return tf.keras.Model(backbone.input, [join(offsets), join(logits)])


class FusedBatchNormalization(tf.keras.layers.BatchNormalization):  # type: ignore[misc]
    """`FusedBatchNormV3`, where Keras 3 has multiplications and additions."""

    def call(self, inputs: tf.Tensor, **_: Any) -> tf.Tensor:
        normalised, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, self.moving_mean, self.moving_variance, self.epsilon, is_training=False
        )
        return normalised


def _as_exported(layer: tf.keras.layers.Layer) -> tf.keras.layers.Layer:
    if isinstance(layer, tf.keras.layers.BatchNormalization):
        return FusedBatchNormalization.from_config(layer.get_config())
    return type(layer).from_config(layer.get_config())


def _learn_normalisation(net: tf.keras.Model) -> None:
    draw = np.random.default_rng(1)
    for layer in net.layers:
        if isinstance(layer, FusedBatchNormalization):
            channels = layer.gamma.shape
            means, offsets = draw.normal(0, 0.5, (2, *channels))
            factors, variances = draw.uniform(0.5, 1.5, (2, *channels))
            layer.set_weights([factors, offsets, means, variances])


def _anchors() -> tf.Tensor:
    """[A, 4]: centre and size, y before x, as fractions of the image."""
    rows = []
    for level, (side, count) in enumerate(ANCHORS.items()):
        scale = 0.2 + 0.15 * level
        for y in range(side):
            for x in range(side):
                for anchor in range(count):
                    ratio = (1.0, 2.0, 0.5, 3.0, 0.33, 1.2)[anchor]
                    rows.append(((y + 0.5) / side, (x + 0.5) / side, scale / ratio**0.5, scale * ratio**0.5))
    return tf.constant(rows, tf.float32)
