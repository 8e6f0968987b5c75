"""MegaDetector's batch output: its rules, and the edges where they bite."""

import json
from typing import Any

import pytest

from contract.messages import Detection, ImageResult
from producer.exports import export
from tests.support.builders import found, found_these, not_processed
from tests.support.megadetector import flaws
from tests.unit.producer.exports.test_formats import given


def written(*results: ImageResult) -> str:
    return "".join(export("megadetector", enumerate(results)))


def detection(box: tuple[float, float, float, float], **fields: Any) -> Detection:
    return Detection(**{"label": "scratch", "class_id": 1, "score": 0.9, "box": box, **fields})


def test_what_is_written_keeps_the_rules() -> None:
    assert flaws(written(*given())) == []
    assert flaws(written()) == []


@pytest.mark.parametrize(
    ("box", "size", "bbox"),
    [
        ((0, 0, 100, 50), (100, 50), [0.0, 0.0, 1.0, 1.0]),
        ((25, 25, 75, 50), (100, 50), [0.25, 0.5, 0.5, 0.5]),
        ((-5, -5, 105, 55), (100, 50), [0.0, 0.0, 1.0, 1.0]),
        ((7, 7, 7, 7), (7, 7), [1.0, 1.0, 0.0, 0.0]),
        ((1 / 3, 2 / 3, 3, 3), (3, 3), [0.11111, 0.22222, 0.88889, 0.77778]),
        ((123.45, 0.01, 123.46, 9999.99), (10_000, 10_000), [0.01235, 0.0, 0.0, 1.0]),
    ],
)
def test_boxes_are_shares_of_the_image(
    box: tuple[float, float, float, float], size: tuple[int, int], bbox: list[float]
) -> None:
    text = written(found_these(detection(box), width=size[0], height=size[1]))

    assert json.loads(text)["images"][0]["detections"][0]["bbox"] == bbox
    assert flaws(text) == []


def test_rounding_never_pushes_a_box_out() -> None:
    boxes = [(side / 7, side / 3, side * 0.999, float(side)) for side in range(1, 400)]
    results = [found_these(detection(box), width=side, height=side) for side, box in enumerate(boxes, start=1)]

    assert flaws(written(*results)) == []


def test_a_label_that_is_blank_is_its_number() -> None:
    text = written(found_these(detection((1, 1, 2, 2), label=" ", class_id=7)))

    assert json.loads(text)["detection_categories"] == {"7": "7"}
    assert flaws(text) == []


def test_detections_without_a_size_are_a_failure_never_both() -> None:
    text = written(found(width=None, height=None), found("b.jpg", detections=0, width=None, height=None))

    sized, empty = json.loads(text)["images"]
    assert sized["failure"].startswith("size_unknown: ")
    assert sized["detections"] is None
    assert empty == {"file": "b.jpg", "detections": []}


GOOD = json.loads(written(found("a.jpg"), not_processed("b.jpg")))
IMAGE, FAILED = GOOD["images"]
FOUND = IMAGE["detections"][0]


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"info": {"format_version": 1.6}}, "format_version 1.6 is no text"),
        ({"info": {"format_version": "1.2"}}, "older than the rules"),
        ({"detection_categories": {"a": "x", "1": "y"}}, "category 'a' is no whole number"),
        ({"detection_categories": {"1": ""}}, "category 1 has no name"),
        ({"detection_categories": {}}, "category '1' is not among"),
        ({"images": [{"file": "a.jpg"}]}, "neither failure nor list"),
        ({"images": [{"detections": []}]}, "without a file"),
        ({"images": [{**FAILED, "detections": []}]}, "must be null"),
        ({"images": [{**FAILED, "failure": {"code": "x"}}]}, "the failure is no text"),
        ({"images": [{**IMAGE, "detections": [{**FOUND, "conf": 1}]}]}, "conf 1 is no fraction"),
        ({"images": [{**IMAGE, "detections": [{**FOUND, "bbox": [0.0, 0.0, 1.0]}]}]}, "no four fractions"),
        ({"images": [{**IMAGE, "detections": [{**FOUND, "bbox": [0.5, 0.0, 0.6, 0.1]}]}]}, "not inside"),
    ],
)
def test_the_rules_can_be_broken(change: dict[str, Any], flaw: str) -> None:
    (told,) = flaws(json.dumps({**GOOD, **change}))

    assert flaw in told
