"""As tensorflow/models official exports: vision and projects/yolo."""

from pathlib import Path

import tensorflow as tf

from tests.support.exporters.bright import Bright, decoded, padded, save

_ROWS = 5
_INPUT_PX = 64
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def _resized(images: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Boxes in pixels of an input of 64 px that keeps the aspect ratio, and image_info [B, 4, 2]."""
    size = tf.cast(tf.shape(images)[1:3], tf.float32)
    scale = tf.fill([2], _INPUT_PX / tf.reduce_max(size))
    info = tf.stack([size, tf.fill([2], float(_INPUT_PX)), scale, tf.zeros([2])])
    pixels = boxes * tf.tile(size * scale, [2])
    return pixels, tf.tile(info[None], [tf.shape(images)[0], 1, 1])


def _four(boxes: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """nmsed_classes += 1: rows that are padding read class 1, score 0."""
    return {
        "detection_boxes": padded(boxes[:, None], _ROWS),
        "detection_scores": padded(scores[:, None], _ROWS),
        "detection_classes": tf.ones([tf.shape(scores)[0], _ROWS], tf.int32),
        "num_detections": tf.cast(scores > 0, tf.int32),
    }


def image_tensor(directory: Path) -> None:
    """With two --function_keys."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        pixels, info = _resized(images, boxes)
        return {**_four(pixels, scores), "image_info": info}

    takes = tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs")
    other = tf.function(lambda images: {"other": tf.shape(images)}, input_signature=[takes], autograph=False)
    save(directory, model, takes, answer, {"another": other})


def image_tensor_normalised(directory: Path) -> None:
    """output_normalized_coordinates=true: nothing in the signature tells."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        return {**_four(boxes, scores), "image_info": _resized(images, boxes)[1]}

    save(directory, model, tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs"), answer)


def image_bytes(directory: Path) -> None:
    """--batch_size=3."""
    model = Bright()

    def answer(files: tf.Tensor) -> dict[str, tf.Tensor]:
        images = decoded(files)
        boxes, scores = model.find(images)
        pixels, info = _resized(images, boxes)
        return {**_four(pixels, scores), "image_info": info}

    save(directory, model, tf.TensorSpec([3], tf.string, "inputs"), answer)


def tflite(directory: Path) -> None:
    """--input_type tflite with nms_version=tflite: a normalised input of fixed size, no image_info."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images * _STD + _MEAN)
        return _four(boxes * _INPUT_PX, scores)

    save(directory, model, tf.TensorSpec([1, _INPUT_PX, _INPUT_PX, 3], tf.float32, "inputs"), answer)


def raw(directory: Path) -> None:
    """apply_nms=false, two classes: the same object twice, a little apart."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        pixels, info = _resized(images, boxes)
        both = tf.stack([pixels, pixels * 1.01, tf.zeros_like(pixels)], axis=1)
        best = tf.stack([scores, scores * 0.9, scores * 0], axis=1)
        of_class = tf.stack([best, best * 0.01], axis=2)
        return {"decoded_boxes": both[:, :, None], "decoded_box_scores": of_class, "image_info": info}

    save(directory, model, tf.TensorSpec([None, None, None, 3], tf.uint8, "inputs"), answer)


def undecoded(directory: Path) -> None:
    """decode_boxes=false."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        return {"raw_boxes": boxes[:, None], "raw_scores": scores[:, None, None]}

    save(directory, model, tf.TensorSpec([1, None, None, 3], tf.uint8, "inputs"), answer)


def yolo(directory: Path) -> None:
    """projects/yolo with --batch_size=4: classes from 0 as floats."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        four = _four(boxes, scores)
        return {**four, "detection_classes": tf.zeros([4, _ROWS])}

    save(directory, model, tf.TensorSpec([4, None, None, 3], tf.uint8, "inputs"), answer)
