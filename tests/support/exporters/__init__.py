"""Tiny real SavedModels in the form of every exporter, all of one detector: see `tests.support.exporters.bright`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Exporter:
    #: Writes a SavedModel into an empty directory.
    build: Callable[[Path], None]
    #: Name of the form that it is to be recognised as.
    form: str
    first_class: int
    batch: str | int
    #: Height and width of an input of fixed size.
    size_px: tuple[int, int] | None = None


def exporters() -> dict[str, Exporter]:
    """By name. Imports TensorFlow."""
    from tests.support.exporters import keras, od_api, official, others

    return {
        "od-api-image-tensor": Exporter(od_api.image_tensor, "od-api", 1, "one"),
        "od-api-dynamic": Exporter(od_api.image_tensor_dynamic, "od-api", 1, "dynamic"),
        "od-api-float": Exporter(od_api.float_image_tensor, "od-api", 1, "dynamic"),
        "od-api-encoded": Exporter(od_api.encoded_image_string_tensor, "od-api", 1, "dynamic"),
        "od-api-masks": Exporter(od_api.masks_and_internals, "od-api", 1, "one"),
        "od-api-centernet": Exporter(od_api.centernet, "od-api", 1, "one"),
        "od-api-tf1": Exporter(od_api.tf1, "od-api-tf1", 1, "dynamic"),
        "official-pixels": Exporter(official.image_tensor, "official-vision", 1, "dynamic"),
        "official-normalised": Exporter(official.image_tensor_normalised, "official-vision", 1, "dynamic"),
        "official-bytes": Exporter(official.image_bytes, "official-vision", 1, 3),
        "official-tflite": Exporter(official.tflite, "official-vision", 1, "one", (64, 64)),
        "official-raw": Exporter(official.raw, "official-vision-raw", 1, "dynamic"),
        "official-yolo": Exporter(official.yolo, "official-yolo", 0, 4),
        "automl-tf2": Exporter(others.automl_tf2, "automl-efficientdet", 1, "dynamic"),
        "automl-tf1": Exporter(others.automl_tf1, "automl-efficientdet-tf1", 1, 2),
        "hub-openimages": Exporter(others.hub_openimages, "hub-openimages", 1, "one"),
        "dets-labels": Exporter(others.dets_labels, "dets-labels", 0, "one", (64, 96)),
        "ultralytics": Exporter(others.ultralytics, "ultralytics", 0, "one", (64, 64)),
        "ultralytics-nms": Exporter(others.ultralytics_nms, "ultralytics", 0, "one", (64, 64)),
        "yolov5": Exporter(others.yolov5, "yolov5", 0, "one", (64, 64)),
        "keras-retinanet": Exporter(keras.retinanet, "keras-hub-retinanet", 0, "dynamic", (128, 128)),
        "keras-decoded": Exporter(keras.retinanet_decoded, "keras-hub-decoded", 0, "one", (128, 128)),
        "keras-d-fine": Exporter(keras.d_fine, "keras-hub-d-fine", 0, "dynamic", (128, 128)),
    }
