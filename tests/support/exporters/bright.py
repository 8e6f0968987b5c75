"""The detector that every exporter here writes: one box around the bright pixels, so the right answer is known."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

#: Of a picture with bright pixels. Held in a variable, so that a model whose variables are gone fails.
SCORE = 0.9
BRIGHT = 200


class Bright(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.score = tf.Variable(SCORE)

    def find(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[B, H, W, 3], 0 to 255 -> boxes [B, 4] y_min, x_min, y_max, x_max as fractions, scores [B]."""
        boxes, found = extents(images)
        return boxes, found * self.score


def extents(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    bright = tf.reduce_max(tf.cast(images, tf.float32), axis=3) > BRIGHT
    size = tf.cast(tf.shape(bright)[1:], tf.float32)
    rows, columns = tf.reduce_any(bright, axis=2), tf.reduce_any(bright, axis=1)
    found = tf.cast(tf.reduce_any(rows, axis=1), tf.float32)
    y_min, y_max = _extent(rows, size[0])
    x_min, x_max = _extent(columns, size[1])
    return tf.stack([y_min, x_min, y_max, x_max], axis=1) * found[:, None], found


def _extent(present: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    first = tf.argmax(tf.cast(present, tf.int32), axis=1)
    last = tf.cast(size, tf.int64) - tf.argmax(tf.cast(tf.reverse(present, [1]), tf.int32), axis=1)
    return tf.cast(first, tf.float32) / size, tf.cast(last, tf.float32) / size


def known_answer(image: np.ndarray) -> np.ndarray:
    """The same box of one image, by NumPy."""
    rows, columns = np.nonzero(image.max(axis=2) > BRIGHT)
    height, width = image.shape[:2]
    return np.array(
        [rows.min() / height, columns.min() / width, (rows.max() + 1) / height, (columns.max() + 1) / width]
    )


Answer = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def save(
    directory: Path, model: tf.Module, takes: tf.TensorSpec, answer: Answer, more: Mapping[str, Any] | None = None
) -> None:
    """Writes `answer` as `serving_default`, and the functions of `more` beside it."""
    function = tf.function(answer, input_signature=[takes], autograph=False)
    tf.saved_model.save(model, str(directory), signatures={"serving_default": function, **(more or {})})


def padded(rows: tf.Tensor, to: int, value: float = 0) -> tf.Tensor:
    """[B, 1, ...] with rows of `value` behind, as exporters fill up."""
    return tf.pad(rows, [[0, 0], [0, to - 1]] + [[0, 0]] * (len(rows.shape) - 2), constant_values=value)


def decoded(files: tf.Tensor) -> tf.Tensor:
    """Encoded images [B], of one size, as uint8 [B, H, W, 3]."""
    return tf.map_fn(
        lambda data: tf.io.decode_image(data, channels=3, expand_animations=False), files, fn_output_signature=tf.uint8
    )
