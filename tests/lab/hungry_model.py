"""A SavedModel whose appetite a lab test sets: how much a call holds for each image, how long, and what its spec says.

Unlike the tiny model it holds its memory for the whole call, and it may tell the truth about it.
"""

from pathlib import Path

from contract.memory import MIB
from contract.model_spec import FILE_NAME, ModelSpec, read_spec


def build_hungry_model(
    store: Path,
    name: str,
    *,
    holds_mib: int = 0,
    call_s: float = 0.0,
    says_mib: int = 1,
    base_bytes: int = 300 * MIB,
) -> ModelSpec:
    """Writes `store/name/1`, which finds nothing. A call holds `holds_mib` MiB an image for at least `call_s` seconds;
    its spec says `says_mib`.
    """
    import tensorflow as tf

    from workers.store import directory_digest

    class Hungry(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
        def detect(self, input_tensor: "tf.Tensor") -> "dict[str, tf.Tensor]":
            images = tf.shape(input_tensor)[0]
            # Random, so that every page is really touched.
            held = tf.random.uniform([images, max(1, holds_mib * MIB // 4)])
            with tf.control_dependencies([held]):
                until = tf.timestamp() + tf.constant(call_s, tf.float64)
            over = tf.while_loop(lambda now: now < until, lambda _: [tf.timestamp()], [until - call_s])
            with tf.control_dependencies(over):
                found = tf.cast(tf.reduce_max(held, axis=1) > 2, tf.float32)  # never
            return {
                "detection_boxes": tf.zeros([images, 1, 4]),
                "detection_scores": found[:, None],
                "detection_classes": tf.ones([images, 1]),
                "num_detections": found,
            }

    directory = store / name / "1"
    model = Hungry()
    tf.saved_model.save(model, str(directory), signatures={"serving_default": model.detect})
    (directory / FILE_NAME).write_text(
        f"""schema = 1
name = "{name}"
version = "1"
digest = "{directory_digest(directory)}"
labels = {{ 1 = "nothing" }}

[memory]
base_bytes = {base_bytes}
per_image_bytes = {says_mib * MIB}
""",
        encoding="utf-8",
    )
    return read_spec(directory / FILE_NAME)
