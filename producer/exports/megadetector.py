"""MegaDetector's batch output, https://lila.science/megadetector-output-format, version 1.6: what Timelapse, AddaxAI
and MegaDetector's own postprocessing read.

An empty list of detections means that nothing was found, `failure` that the image was not processed. Boxes are x, y,
width, height as shares of the image's sides. `images` comes first in the document, for the categories and the model are
known only once results have been seen.
"""

from typing import Any, Final

from contract.messages import Detection, ImageResult
from producer.exports.document import Categories, Items, as_json

FORMAT_VERSION: Final = "1.6"
#: A hundredth of a pixel at a width of 1000, a tenth at 10,000.
_SHARE_DIGITS: Final = 5


class MegaDetector:
    def __init__(self) -> None:
        self._items = Items()
        self._categories = Categories()
        self._model: str | None = None

    def start(self) -> str:
        return '{"images": ['

    def add(self, index: int, result: ImageResult) -> str:  # noqa: ARG002
        self._model = self._model or result.model
        return self._items.add({"file": result.image, **self._outcome(result)})

    def end(self) -> str:
        names = {str(class_id): label for class_id, label in self._categories.items()}
        info = {"format_version": FORMAT_VERSION}
        if self._model is not None:
            info["detector"] = self._model
        return f'\n], "detection_categories": {as_json(names)}, "info": {as_json(info)}}}\n'

    def _outcome(self, result: ImageResult) -> dict[str, Any]:
        if result.failure is not None:
            return {"detections": None, "failure": f"{result.failure.code}: {result.failure.message}"}
        if result.detections and not (result.width and result.height):
            return {"detections": None, "failure": "size_unknown: the result does not say how large the image is"}
        return {"detections": [self._detection(found, result) for found in result.detections or ()]}

    def _detection(self, detection: Detection, result: ImageResult) -> dict[str, Any]:
        self._categories.note(detection)
        x_min, y_min, x_max, y_max = detection.box
        width, height = result.width or 1, result.height or 1
        left, right = _share(x_min, width), _share(x_max, width)
        top, bottom = _share(y_min, height), _share(y_max, height)
        return {
            "category": str(detection.class_id),
            "conf": float(detection.score),  # readers refuse an integer
            "bbox": [left, top, round(right - left, _SHARE_DIGITS), round(bottom - top, _SHARE_DIGITS)],
        }


def _share(edge_px: float, side_px: int) -> float:
    """Inside the image, so that a box never ends beyond it: both edges are rounded before they are subtracted."""
    return round(min(1.0, max(0.0, edge_px / side_px)), _SHARE_DIGITS)
