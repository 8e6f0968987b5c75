"""TensorFlow Serving's REST bodies, as its clients write and read them."""

import base64
from typing import Any

import pytest

from contract.messages import Detection, ImageResult
from producer.errors import InvalidArgument
from producer.gateway.tf_serving import answer, instances_of, metadata, model_status, prediction
from tests.support.builders import found

A, B = ({"b64": base64.b64encode(content).decode()} for content in (b"first", b"second"))


@pytest.mark.parametrize(
    ("body", "images", "columnar"),
    [
        ({"instances": [A]}, [b"first"], False),
        ({"instances": [A, B], "signature_name": "serving_default"}, [b"first", b"second"], False),
        ({"instances": [{"image_bytes": A}, {"input_tensor": B}]}, [b"first", b"second"], False),
        ({"inputs": [A, B]}, [b"first", b"second"], True),
        ({"inputs": {"image_bytes": [A, B]}}, [b"first", b"second"], True),
        ({"inputs": {"image_bytes": A}}, [b"first"], True),
        ({"inputs": A}, [b"first"], True),
    ],
)
def test_every_way_to_send_encoded_images(body: Any, images: list[bytes], columnar: bool) -> None:
    assert instances_of(body) == (images, columnar)


PIXELS, FILE = [[[1, 2, 3], [4, 5, 6]]], b"P6\n2 1\n255\n\x01\x02\x03\x04\x05\x06"


@pytest.mark.parametrize(
    ("body", "images"),
    [
        ({"instances": [PIXELS]}, [FILE]),
        ({"instances": [{"input_tensor": PIXELS}, A]}, [FILE, b"first"]),
        ({"inputs": [PIXELS, PIXELS]}, [FILE, FILE]),
        ({"inputs": {"input_tensor": [PIXELS]}}, [FILE]),
    ],
)
def test_every_way_to_send_pixels(body: Any, images: list[bytes]) -> None:
    assert instances_of(body)[0] == images


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "JSON object"),
        ({}, '"instances" or "inputs"'),
        ({"instances": [A], "inputs": [A]}, "either"),
        ({"instances": []}, "one or more"),
        ({"instances": "b64"}, "list"),
        ({"instances": [7]}, "instance 0: expected an encoded image"),
        ({"instances": [[[0, 0, 0]]]}, "instance 0: expected pixels"),
        ({"instances": [A, [[[0, 0, 0.5]]]]}, "instance 1: expected pixels"),
        ({"inputs": [[[0, 0, 0]]]}, "instance 0: expected pixels"),
        ({"instances": [A, {"b64": "not base64!"}]}, "instance 1: 'not base64!' is not base64"),
        ({"instances": [{"b64": 7}]}, "instance 0"),
        ({"instances": [{"image_bytes": A, "score": 1}]}, "instance 0"),
        ({"inputs": {"a": [A], "b": [B]}}, "2 names"),
    ],
)
def test_a_body_that_is_none_says_why(body: Any, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        instances_of(body)

    assert says in str(caught.value)


def test_boxes_are_fractions_of_height_and_width() -> None:
    # Given a scratch at x 10–110.5, y 20–60 of 1280 × 960
    told = prediction(found(detections=1))

    assert told["detection_boxes"] == [pytest.approx([20 / 960, 10 / 1280, 60 / 960, 110.5 / 1280])]
    assert told["detection_scores"] == [0.93]
    assert told["detection_classes"] == [1.0]
    assert told["num_detections"] == 1.0
    assert all(isinstance(told[name], float) for name in ("num_detections",))


def test_rows_are_as_long_as_what_was_found_and_columns_as_the_longest() -> None:
    results = [found(detections=2), found(detections=0)]

    rows = answer(results, columnar=False)["predictions"]
    columns = answer(results, columnar=True)["outputs"]

    assert [len(row["detection_boxes"]) for row in rows] == [2, 0]
    assert [len(scores) for scores in columns["detection_scores"]] == [2, 2]
    assert columns["detection_boxes"][1] == [[0.0] * 4] * 2
    assert columns["num_detections"] == [2.0, 0.0]


def test_a_detection_of_many_keeps_its_row() -> None:
    boxes = [(0.0, 0.0, 64.0, 48.0), (32.0, 24.0, 64.0, 48.0)]
    result = ImageResult(
        image="a",
        width=64,
        height=48,
        model="m@1",
        attempts=1,
        detections=[Detection(label="x", class_id=n, score=0.5, box=box) for n, box in enumerate(boxes)],
    )

    told = prediction(result)

    assert told["detection_boxes"] == [[0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0]]
    assert told["detection_classes"] == [0.0, 1.0]


def test_model_status() -> None:
    latest, before = model_status([("2", True), ("1", False)])["model_version_status"]

    assert latest == {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert (before["version"], before["state"]) == ("1", "UNKNOWN")


def test_metadata() -> None:
    told = metadata("defects-small", "2")

    assert told["model_spec"] == {"name": "defects-small", "signature_name": "", "version": "2"}
    signature = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert [side["size"] for side in signature["outputs"]["detection_boxes"]["tensor_shape"]["dim"]] == [
        "-1",
        "-1",
        "4",
    ]
