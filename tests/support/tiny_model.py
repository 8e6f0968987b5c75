"""A real SavedModel with the Object Detection API's signature, built in a second: one box around the bright pixels.

What it finds can be worked out by hand, so tests know the right answer; it costs nothing, so tests of delivery don't
wait for a neural network.
"""

from pathlib import Path

from contract.memory import MIB
from contract.model_spec import FILE_NAME

LABELS = {"1": "bright"}


#: Red value of an image's first pixel on which a model with `raises=True` raises.
POISON = 13


def build_tiny_model(
    store: Path,
    name: str = "tiny",
    version: str = "1",
    *,
    base_bytes: int = 400 * MIB,
    call_s: float = 0,
    raises: bool = False,
    holds_mib: int = 0,
) -> Path:
    """Writes `store/name/version` and gives its path. `base_bytes` is what its spec claims, and so decides its tier.

    A call takes at least `call_s` seconds of one core. With `raises`, a batch with an image whose first pixel is
    `POISON` fails. A call holds `holds_mib` MiB for each image, of which the spec says nothing.
    """
    import tensorflow as tf

    class Bright(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
        def detect(self, input_tensor: "tf.Tensor") -> "dict[str, tf.Tensor]":
            if raises:
                tf.debugging.assert_none_equal(
                    input_tensor[:, 0, 0, 0], tf.constant(POISON, tf.uint8), message="poison"
                )
            if call_s:  # by the clock, for a machine under load must not make it minutes
                until = tf.timestamp() + tf.constant(call_s, tf.float64)
                tf.while_loop(lambda now: now < until, lambda _: [tf.timestamp()], [tf.timestamp()])
            bright = tf.reduce_max(input_tensor, axis=3) > 200
            size = tf.cast(tf.shape(bright)[1:], tf.float32)
            rows, columns = tf.reduce_any(bright, axis=2), tf.reduce_any(bright, axis=1)
            y_min, y_max = _extent(rows, size[0])
            x_min, x_max = _extent(columns, size[1])
            found = tf.cast(tf.reduce_any(rows, axis=1), tf.float32)
            if holds_mib:  # random, so that every page is really touched; below 1, so that nothing is added
                held = tf.random.uniform([tf.shape(bright)[0], holds_mib * MIB // 4])
                found += tf.cast(tf.reduce_max(held) > 2, tf.float32)
            return {
                "detection_boxes": tf.stack([y_min, x_min, y_max, x_max], axis=1)[:, None],
                "detection_scores": (found * 0.9)[:, None],
                "detection_classes": tf.ones_like(found)[:, None],
                "num_detections": found,
            }

    def _extent(present: "tf.Tensor", size: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
        first = tf.argmax(tf.cast(present, tf.int32), axis=1)
        last = tf.cast(size, tf.int64) - tf.argmax(tf.cast(tf.reverse(present, [1]), tf.int32), axis=1)
        return tf.cast(first, tf.float32) / size, tf.cast(last, tf.float32) / size

    from workers.store import directory_digest

    directory = store / name / version
    model = Bright()
    tf.saved_model.save(model, str(directory), signatures={"serving_default": model.detect})
    (directory / FILE_NAME).write_text(
        f"""schema = 1
name = "{name}"
version = "{version}"
digest = "{directory_digest(directory)}"
labels = {{ 1 = "bright" }}

[memory]
base_bytes = {base_bytes}
per_image_bytes = {MIB}
""",
        encoding="utf-8",
    )
    return directory
