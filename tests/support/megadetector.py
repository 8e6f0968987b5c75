"""What is wrong with a batch output of MegaDetector's, by https://lila.science/megadetector-output-format (1.6).

Stricter than their validator where the text is: boxes are shares of the image, and an image has detections or a
failure.
"""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any


def flaws(text: str) -> list[str]:
    """One line each; empty for a good document."""
    document = json.loads(text)
    if not isinstance(document, dict):
        return ["the document is no object"]
    missing = [f"{key} is missing" for key in ("info", "detection_categories", "images") if key not in document]
    if missing:
        return missing
    categories = document["detection_categories"]
    of_images = (_of_image(image, categories) for image in document["images"])
    return [*_of_info(document["info"]), *_of_categories(categories), *chain.from_iterable(of_images)]


def _of_info(info: dict[str, Any]) -> Iterator[str]:
    version = info.get("format_version")
    if not isinstance(version, str):
        yield f"format_version {version!r} is no text"
    elif float(version) < 1.3:
        yield f"format_version {version} is older than the rules"


def _of_categories(categories: dict[str, Any]) -> Iterator[str]:
    for number, name in categories.items():
        if not number.isdecimal():
            yield f"category {number!r} is no whole number from 0"
        if not isinstance(name, str) or not name.strip():
            yield f"category {number} has no name: {name!r}"


def _of_image(image: dict[str, Any], categories: dict[str, Any]) -> Iterator[str]:
    file, detections, failure = image.get("file"), image.get("detections"), image.get("failure")
    if not isinstance(file, str):
        yield f"an image without a file: {image}"
    if failure is not None:
        if not isinstance(failure, str):
            yield f"{file}: the failure is no text: {failure!r}"
        if detections is not None or "detections" not in image:
            yield f"{file}: failed, so its detections must be null"
        return
    if not isinstance(detections, list):
        yield f"{file}: neither failure nor list of detections"
        return
    for detection in detections:
        yield from (f"{file}: {flaw}" for flaw in _of_detection(detection, categories))


def _of_detection(detection: dict[str, Any], categories: dict[str, Any]) -> Iterator[str]:
    if detection.get("category") not in categories:
        yield f"category {detection.get('category')!r} is not among the categories"
    conf = detection.get("conf")
    if not isinstance(conf, float) or not 0 <= conf <= 1:
        yield f"conf {conf!r} is no fraction from 0 to 1"
    box = detection.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(side, float) for side in box):
        yield f"bbox {box!r} is no four fractions"
        return
    left, top, width, height = box
    beyond = left + width > 1 + 1e-9 or top + height > 1 + 1e-9
    if min(box) < 0 or beyond:
        yield f"bbox {box} is not inside of the image"
