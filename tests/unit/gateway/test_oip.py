"""The Open Inference Protocol's bodies, as its clients write and read them."""

import base64
import json
import struct
from typing import Any

import pytest

from producer.errors import InvalidArgument
from producer.gateway.oip import answer, images_of, metadata
from tests.support.builders import found, spec


def body(**fields: Any) -> bytes:
    given = {"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(b"first").decode()]}
    return json.dumps({"inputs": [{**given, **fields}]}).encode()


def binary(*images: bytes, size: int | None = None, shape: list[int] | None = None) -> tuple[bytes, int]:
    """A body and the length of its JSON, as clients write `binary_data_size`."""
    raw = b"".join(struct.pack("<I", len(image)) + image for image in images)
    given = {
        "name": "image_bytes",
        "datatype": "BYTES",
        "shape": shape or [len(images)],
        "parameters": {"binary_data_size": len(raw) if size is None else size},
    }
    told = json.dumps({"inputs": [given]}).encode()
    return told + raw, len(told)


def test_images_as_base64() -> None:
    assert images_of(body(), None)[0] == [b"first"]
    assert images_of(body(shape=[1, 1]), None)[0] == [b"first"]


def test_images_as_raw_bytes_after_the_json() -> None:
    assert images_of(*binary(b"first", b"\x00\xff second"))[0] == [b"first", b"\x00\xff second"]


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        ((b"{", None), "no JSON"),
        ((b"[]", None), "inputs"),
        ((b'{"inputs": []}', None), "inputs: expected one"),
        ((b'{"inputs": [{}, {}]}', None), "inputs: expected one"),
        ((body(datatype="UINT8"), None), "'UINT8'; expected BYTES"),
        ((body(data="x"), None), "inputs.0.data"),
        ((body(data=["!"]), None), "inputs.0.data.0"),
        ((body(data=[]), None), "at least one"),
        ((body(shape=[2]), None), "[2] is of 2 images, 1 came"),
        ((body(shape="1"), None), "expected a list of numbers"),
        (binary(b"first", size=3), "binary_data_size: 3, but 9 bytes follow"),
        (binary(b"first", shape=[2]), "2 images, 1 came"),
        ((binary(b"first")[0], 10**9), "no JSON"),
        ((b"[" * 100_000, None), "no JSON"),
    ],
)
def test_a_body_that_is_none_says_why(request_of: tuple[bytes, int | None], says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        images_of(*request_of)

    assert says in str(caught.value)


@pytest.mark.parametrize("cut", [b"\x01", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00x"])
def test_bytes_that_end_early(cut: bytes) -> None:
    told = body(data=None, parameters={"binary_data_size": len(cut)})

    with pytest.raises(InvalidArgument, match="bytes"):
        images_of(told + cut, len(told))


def test_outputs_have_shape_and_datatype() -> None:
    told = answer(spec(), [found(detections=2), found(detections=1)], {"id": "order-66"})

    outputs = {output["name"]: output for output in told["outputs"]}
    assert (told["model_name"], told["model_version"], told["id"]) == ("defects-small", "1", "order-66")
    assert {name: (output["datatype"], output["shape"]) for name, output in outputs.items()} == {
        "detection_boxes": ("FP32", [2, 2, 4]),
        "detection_scores": ("FP32", [2, 2]),
        "detection_classes": ("INT64", [2, 2]),
        "num_detections": ("INT64", [2]),
    }
    assert answer(spec(), [found()], {"id": "\ud800"})["id"] == r"\ud800", "what comes as JSON may be no text"
    assert outputs["num_detections"]["data"] == [2, 1]
    assert outputs["detection_scores"]["data"] == [0.93, 0.93, 0.93, 0.0]
    assert len(outputs["detection_boxes"]["data"]) == 16


def test_nothing_found_is_an_empty_tensor() -> None:
    boxes, *_ = answer(spec(), [found(detections=0)], {})["outputs"]

    assert (boxes["shape"], boxes["data"]) == ([1, 0, 4], [])


def test_only_the_outputs_that_were_asked_for() -> None:
    told = answer(spec(), [found()], {"outputs": [{"name": "detection_scores"}]})

    assert [output["name"] for output in told["outputs"]] == ["detection_scores"]
    with pytest.raises(InvalidArgument, match="expected some of"):
        answer(spec(), [found()], {"outputs": [{"name": "logits"}]})


def test_metadata() -> None:
    told = metadata(spec(), ["2", "1"])

    assert (told["name"], told["versions"]) == ("defects-small", ["2", "1"])
    assert told["inputs"] == [{"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}]
    assert told["outputs"][0] == {"name": "detection_boxes", "datatype": "FP32", "shape": [-1, -1, 4]}
