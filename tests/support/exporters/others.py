"""As google/automl, authors on TensorFlow Hub, and Ultralytics export."""

from pathlib import Path

import tensorflow as tf

from tests.support.exporters.bright import SCORE, Bright, extents, padded, save

_ROWS = 5
_SIDE_PX = 64
_POINTS = 12


def _pixels(images: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    return boxes * tf.tile(tf.cast(tf.shape(images)[1:3], tf.float32), [2])


def automl_tf2(directory: Path) -> None:
    """efficientdet/tf2: outputs without names, `predict` and `tflite` beside."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images)
        return {
            "output_0": padded(_pixels(images, boxes)[:, None], _ROWS),
            "output_1": padded(scores[:, None], _ROWS),
            "output_2": padded(tf.ones_like(scores)[:, None], _ROWS),
            "output_3": tf.cast(scores > 0, tf.int32),
        }

    takes = tf.TensorSpec([None, None, None, 3], tf.uint8, "images")
    levels = {f"output_{i}": tf.TensorSpec for i in range(10)}
    predict = tf.function(
        lambda images: {name: tf.cast(images, tf.float32) for name in levels}, input_signature=[takes], autograph=False
    )
    save(directory, model, takes, answer, {"predict": predict, "tflite": predict})


def automl_tf1(directory: Path) -> None:
    """efficientdet of TF1, batch_size=2: names with colons."""
    with tf.compat.v1.Graph().as_default(), tf.compat.v1.Session() as session:
        images = tf.compat.v1.placeholder(tf.uint8, [2, None, None, 3], "image_arrays")
        boxes, found = extents(images)
        ids = tf.constant([0.0, 1.0])[:, None]
        rows = tf.concat([ids, _pixels(images, boxes), found[:, None] * SCORE, tf.ones([2, 1])], axis=1)
        detections = tf.identity(padded(rows[:, None], _ROWS), "detections")
        tf.compat.v1.saved_model.simple_save(
            session, str(directory), {images.name: images}, {detections.name: detections}
        )


def hub_openimages(directory: Path) -> None:
    """google/openimages_v4/ssd: signature `default`, floats to 1, no batch axis in outputs, strings."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(images * 255)
        names = tf.repeat(tf.constant([b"Light"]), _ROWS)
        return {
            "detection_boxes": padded(boxes[:, None], _ROWS)[0],
            "detection_scores": padded(scores[:, None], _ROWS)[0],
            "detection_class_labels": tf.ones([_ROWS], tf.int64),
            "detection_class_names": names,
            "detection_class_entities": names,
        }

    takes = tf.TensorSpec([1, None, None, 3], tf.float32, "images")
    function = tf.function(answer, input_signature=[takes], autograph=False)
    tf.saved_model.save(model, str(directory), signatures={"default": function})


def dets_labels(directory: Path) -> None:
    """rishit-dagli/yolo-cppe5: channels first."""
    model = Bright()

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        boxes, scores = model.find(tf.transpose(images, [0, 2, 3, 1]) * 255)
        rows = tf.concat([tf.gather(boxes, [1, 0, 3, 2], axis=1), scores[:, None]], axis=1)
        return {"dets": padded(rows[:, None], _ROWS), "labels": tf.zeros([1, _ROWS], tf.int64)}

    save(directory, model, tf.TensorSpec([1, 3, _SIDE_PX, 96], tf.float32, "input"), answer)


def _ultralytics(directory: Path, answer: object, names: str) -> None:
    model = Bright()
    save(
        directory,
        model,
        tf.TensorSpec([1, _SIDE_PX, _SIDE_PX, 3], tf.float32, "images"),
        lambda images: {"output_0": answer(*model.find(images * 255))},  # type: ignore[operator]
    )
    if names:
        text = f"task: detect\nstride: 32\nbatch: 1\nimgsz:\n- {_SIDE_PX}\n- {_SIDE_PX}\nnames:\n{names}"
        (directory / "metadata.yaml").write_text(text, encoding="utf-8")


def _centred(boxes: tf.Tensor) -> tf.Tensor:
    y_min, x_min, y_max, x_max = tf.unstack(boxes, axis=1)
    return tf.stack([(x_min + x_max) / 2, (y_min + y_max) / 2, x_max - x_min, y_max - y_min], axis=1)


def ultralytics(directory: Path) -> None:
    """v8: [1, 4 + C, points], the same object at two points."""

    def answer(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        point = tf.concat([_centred(boxes), scores[:, None], scores[:, None] * 0], axis=1)
        weaker = point * [1, 1, 1.01, 1.01, 0.8, 1]
        points = tf.concat([point[:, None], weaker[:, None], tf.zeros([1, _POINTS - 2, 6])], axis=1)
        return tf.transpose(points, [0, 2, 1])

    _ultralytics(directory, answer, "  0: bright\n  1: dark\n")


def ultralytics_nms(directory: Path) -> None:
    def answer(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        row = tf.concat([tf.gather(boxes, [1, 0, 3, 2], axis=1), scores[:, None], scores[:, None] * 0], axis=1)
        return padded(row[:, None], 300)

    _ultralytics(directory, answer, "  0: bright\n  1: dark\n")


def yolov5(directory: Path) -> None:
    """[1, points, 5 + C] with objectness, no metadata."""

    def answer(boxes: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        point = tf.concat([_centred(boxes), scores[:, None], tf.ones([1, 1]), tf.zeros([1, 1])], axis=1)
        return padded(point[:, None], _POINTS)

    _ultralytics(directory, answer, "")
