"""As tensorflow/models research/object_detection exports: everything float32, classes from 1."""

from pathlib import Path

import tensorflow as tf

from tests.support.exporters.bright import SCORE, Bright, decoded, extents, padded, save

_ROWS = 5


def _four(boxes: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    return {
        "detection_boxes": padded(boxes[:, None], _ROWS),
        "detection_scores": padded(scores[:, None], _ROWS),
        "detection_classes": padded(tf.ones_like(scores)[:, None], _ROWS, 1.0),
        "num_detections": tf.fill(tf.shape(scores), float(_ROWS)),
    }


def _with_raw(boxes: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    more = {"raw_detection_boxes": boxes[:, None], "raw_detection_scores": scores[:, None, None]}
    return {**_four(boxes, scores), **more, "detection_anchor_indices": tf.zeros_like(scores)[:, None]}


def _images(directory: Path, batch: int | None, dtype: tf.DType) -> None:
    model = Bright()
    save(
        directory,
        model,
        tf.TensorSpec([batch, None, None, 3], dtype, "input_tensor"),
        lambda images: _with_raw(*model.find(images)),
    )


def image_tensor(directory: Path) -> None:
    _images(directory, 1, tf.uint8)


def image_tensor_dynamic(directory: Path) -> None:
    """The community's edit of the exporter."""
    _images(directory, None, tf.uint8)


def float_image_tensor(directory: Path) -> None:
    _images(directory, None, tf.float32)


def encoded_image_string_tensor(directory: Path) -> None:
    model = Bright()
    save(
        directory,
        model,
        tf.TensorSpec([None], tf.string, "input_tensor"),
        lambda files: _with_raw(*model.find(decoded(files))),
    )


def masks_and_internals(directory: Path) -> None:
    """Mask R-CNN's form. The masks need four petabytes: whoever computes them is found out at once."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        masks = tf.fill([1, tf.shape(images)[1] * 100_000, 100_000, 10_000], tf.reduce_max(scores))
        internals = {"anchors": tf.zeros([7, 4]), "image_shape": tf.zeros([4]), "num_proposals": tf.zeros([1])}
        return {**_with_raw(boxes, scores), "detection_masks": masks, **internals}

    save(directory, model, tf.TensorSpec([1, None, None, 3], tf.uint8, "input_tensor"), answer)


def centernet(directory: Path) -> None:
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        keypoints = {"detection_keypoints": tf.zeros([1, _ROWS, 17, 2]), "detection_boxes_strided": boxes[:, None] * 16}
        return {**_four(boxes, scores), **keypoints}

    save(directory, model, tf.TensorSpec([1, None, None, 3], tf.uint8, "input_tensor"), answer)


def tf_example(directory: Path) -> None:
    model = Bright()

    def answer(records: tf.Tensor) -> dict[str, tf.Tensor]:
        files = tf.io.parse_example(records, {"image/encoded": tf.io.FixedLenFeature([], tf.string)})["image/encoded"]
        return _four(*model.find(decoded(files)))

    save(directory, model, tf.TensorSpec([None], tf.string, "input_tensor"), answer)


def side_inputs(directory: Path) -> None:
    """Context R-CNN."""
    model = Bright()
    takes = [
        tf.TensorSpec([1, None, None, 3], tf.uint8, "input_tensor"),
        tf.TensorSpec([1, None, 2057], tf.float32, "context_features"),
    ]
    function = tf.function(
        lambda images, context: _four(*(value + 0 * tf.reduce_sum(context) for value in model.find(images))),
        input_signature=takes,
        autograph=False,
    )
    tf.saved_model.save(model, str(directory), signatures={"serving_default": function})


def tf1(directory: Path) -> None:
    """A frozen graph of 2017: input key `inputs`, tensor `image_tensor:0`."""
    with tf.compat.v1.Graph().as_default(), tf.compat.v1.Session() as session:
        images = tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], "image_tensor")
        boxes, found = extents(images)
        tf.compat.v1.saved_model.simple_save(session, str(directory), {"inputs": images}, _four(boxes, found * SCORE))
