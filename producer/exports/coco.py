"""COCO's results, https://cocodataset.org/#format-results, and the part of a COCO dataset that says what its ids mean.

`image_id` is the image's index in the submission and `category_id` the class id that the model gives. Boxes are
x, y, width, height in pixels from the top left corner; COCO measures from 0 too.

A list of results cannot tell an image without detections from one that was not processed: neither is in it. The
document of images can: a failed image is not in it.
"""

from contract.messages import ImageResult
from producer.exports.document import Categories, Items, as_json

#: Workers give hundredths of a pixel; a difference of two has no more.
_PIXEL_DIGITS = 2


class CocoResults:
    """`[{image_id, category_id, bbox, score}, …]`: what pycocotools' `loadRes` reads."""

    def __init__(self) -> None:
        self._items = Items()

    def start(self) -> str:
        return "["

    def add(self, index: int, result: ImageResult) -> str:
        lines = []
        for detection in result.detections or ():
            x_min, y_min, x_max, y_max = detection.box
            sides = (x_min, y_min, x_max - x_min, y_max - y_min)
            lines.append(
                self._items.add(
                    {
                        "image_id": index,
                        "category_id": detection.class_id,
                        "bbox": [round(side, _PIXEL_DIGITS) for side in sides],
                        "score": detection.score,
                    }
                )
            )
        return "".join(lines)

    def end(self) -> str:
        return "\n]\n"


class CocoImages:
    """`{images: [{id, file_name, width, height}, …], categories: [{id, name}, …]}`, for the ids in the results.

    `images` are those that were processed. `categories` are those that were found in them.
    """

    def __init__(self) -> None:
        self._items = Items()
        self._categories = Categories()

    def start(self) -> str:
        return '{"images": ['

    def add(self, index: int, result: ImageResult) -> str:
        if not result.ok:
            return ""
        for detection in result.detections or ():
            self._categories.note(detection)
        return self._items.add({"id": index, "file_name": result.image, "width": result.width, "height": result.height})

    def end(self) -> str:
        categories = [{"id": class_id, "name": label} for class_id, label in self._categories.items()]
        return f'\n], "categories": {as_json(categories)}}}\n'
