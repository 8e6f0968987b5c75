"""mAP at an overlap of 0.5, by pycocotools, from plates and detections held in memory."""

import contextlib
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vedette.plates import LABELS, Plate

OVERLAP = 0.5


def average_precision(plates: list[Plate], answers: list[dict[str, np.ndarray]]) -> dict[str, float]:
    """Label -> AP@0.5. `answers[i]` are the signature's outputs for `plates[i]` alone (batch of one)."""
    categories = [{"id": class_id, "name": label} for class_id, label in LABELS.items()]
    truth: dict[str, Any] = {"info": {}, "images": [], "annotations": [], "categories": categories}
    found = []
    for image_id, (plate, answer) in enumerate(zip(plates, answers, strict=True), start=1):
        height, width = plate.image.shape[:2]
        truth["images"].append({"id": image_id, "height": height, "width": width})
        for box, class_id in zip(plate.boxes, plate.class_ids, strict=True):
            x, y, w, h = _corner_and_size(box)
            annotation_id = len(truth["annotations"]) + 1
            truth["annotations"].append({
                "id": annotation_id, "image_id": image_id, "category_id": int(class_id),
                "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
            })  # fmt: skip
        for n in range(int(answer["num_detections"][0])):
            y_min, x_min, y_max, x_max = answer["detection_boxes"][0, n] * [height, width, height, width]
            found.append({
                "image_id": image_id, "category_id": int(answer["detection_classes"][0, n]),
                "bbox": _corner_and_size((x_min, y_min, x_max, y_max)),
                "score": float(answer["detection_scores"][0, n]),
            })  # fmt: skip
    return _evaluate(truth, found)


def _evaluate(truth: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports progress by print
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(found), "bbox")
        judge.params.iouThrs = np.array([OVERLAP])
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]  # [overlap, recall, class, area, most detections]
    return {name: float(precision[0, :, n, 0, -1].mean()) for n, name in enumerate(LABELS.values())}


def _corner_and_size(box: Iterable[float]) -> list[float]:
    x_min, y_min, x_max, y_max = (float(v) for v in box)
    return [x_min, y_min, x_max - x_min, y_max - y_min]
