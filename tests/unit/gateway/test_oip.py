"""The Open Inference Protocol's bodies, as its clients write and read them."""

import base64
import json
import struct
from typing import Any

import pytest

from contract.messages import ImageResult
from producer.errors import InvalidArgument
from producer.gateway.oip import answer, config, metadata
from producer.gateway.oip_request import Inference, inference_of
from producer.gateway.tf_serving import OUTPUTS
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


def with_request(**fields: Any) -> bytes:
    return json.dumps({**json.loads(body()), **fields}).encode()


def test_images_as_base64() -> None:
    told = json.loads(body())["inputs"][0]["data"]
    assert inference_of(body(), None).images == [b"first"]
    assert inference_of(body(shape=[1, 1]), None).images == [b"first"]
    assert inference_of(body(shape=[1, 1], data=[told]), None).images == [b"first"]


def test_images_as_raw_bytes_after_the_json() -> None:
    assert inference_of(*binary(b"first", b"\x00\xff second")).images == [b"first", b"\x00\xff second"]


@pytest.mark.parametrize(
    ("shape", "data"),
    [([1, 1, 2, 3], [[[[1, 2, 3], [4, 5, 6]]]]), ([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]), ([1, 2, 3], [1, 2, 3, 4, 5, 6])],
)
def test_pixels_in_the_json(shape: list[int], data: list[Any]) -> None:
    [image] = inference_of(body(datatype="UINT8", shape=shape, data=data), None).images

    assert image == b"P6\n2 1\n255\n\x01\x02\x03\x04\x05\x06"


def test_pixels_after_the_json() -> None:
    told = body(datatype="UINT8", shape=[2, 1, 1, 3], data=None, parameters={"binary_data_size": 6})

    images = inference_of(told + b"\x01\x02\x03\x04\x05\x06", len(told)).images

    assert images == [b"P6\n1 1\n255\n\x01\x02\x03", b"P6\n1 1\n255\n\x04\x05\x06"]


@pytest.mark.parametrize(
    ("fields", "outputs"),
    [
        ({}, dict.fromkeys(OUTPUTS, False)),
        ({"parameters": {"binary_data_output": True}}, dict.fromkeys(OUTPUTS, True)),
        ({"outputs": [{"name": "num_detections"}]}, {"num_detections": False}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [
                    {"name": "num_detections", "parameters": {"binary_data": False}},
                    {"name": "detection_boxes"},
                ],
            },
            {"num_detections": False, "detection_boxes": True},
        ),
        (
            {"outputs": [{"name": "detection_scores", "parameters": {"binary_data": True, "classification": 0}}]},
            {"detection_scores": True},
        ),
    ],
)
def test_which_outputs_are_wanted_and_how(fields: dict[str, Any], outputs: dict[str, bool]) -> None:
    assert inference_of(with_request(**fields), None).outputs == outputs


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"outputs": [{"name": "logits"}]}, "expected some of"),
        ({"outputs": [7]}, "expected some of"),
        ({"outputs": {"name": "num_detections"}}, "expected some of"),
        ({"outputs": [{"name": ["num_detections"]}]}, "expected some of"),
        ({"outputs": [{"name": "num_detections", "parameters": {"binary_data": 1}}]}, "expected true or false"),
        ({"outputs": [{"name": "num_detections", "parameters": {"classification": 3}}]}, "is not spoken"),
        ({"outputs": [{"name": "num_detections", "parameters": {"shared_memory_region": "a"}}]}, "is not spoken"),
        ({"parameters": {"binary_data_output": "yes"}}, "expected true or false"),
        ({"parameters": [1]}, "expected an object"),
    ],
)
def test_outputs_that_cannot_be_had(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        inference_of(with_request(**fields), None)


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        ((b"{", None), "no JSON"),
        ((b"[]", None), "inputs"),
        ((b'{"inputs": []}', None), "inputs: expected one"),
        ((b'{"inputs": [{}, {}]}', None), "inputs: expected one"),
        ((body(datatype="FP32"), None), "'FP32'; expected BYTES"),
        ((body(datatype="UINT8"), None), "expected pixels"),
        ((body(datatype="UINT8", data=[1, 2, 3]), None), "expected [images, height, width, 3]"),
        ((body(parameters=7), None), "parameters: 7; expected an object"),
        ((body(shape=[True]), None), "expected a list of numbers"),
        ((body(shape=[10**100]), None), "expected a list of numbers"),
        ((body(shape=[1] * 9), None), "expected a list of numbers"),
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
        inference_of(*request_of)

    assert says in str(caught.value)


@pytest.mark.parametrize("cut", [b"\x01", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00x"])
def test_bytes_that_end_early(cut: bytes) -> None:
    told = body(data=None, parameters={"binary_data_size": len(cut)})

    with pytest.raises(InvalidArgument, match="bytes"):
        inference_of(told + cut, len(told))


def asked(*names: str, raw: bool = False, **fields: Any) -> Inference:
    return Inference([], dict.fromkeys(names or OUTPUTS, raw), **fields)


def told_as_json(results: list[ImageResult], request: Inference) -> dict[str, Any]:
    content, json_bytes = answer(spec(), results, request)
    assert json_bytes is None
    told: dict[str, Any] = json.loads(content)
    return told


def test_outputs_have_shape_and_datatype() -> None:
    told = told_as_json([found(detections=2), found(detections=1)], asked(id="order-66"))

    outputs = {output["name"]: output for output in told["outputs"]}
    assert (told["model_name"], told["model_version"], told["id"]) == ("defects-small", "1", "order-66")
    assert {name: (output["datatype"], output["shape"]) for name, output in outputs.items()} == {
        "detection_boxes": ("FP32", [2, 2, 4]),
        "detection_scores": ("FP32", [2, 2]),
        "detection_classes": ("INT64", [2, 2]),
        "num_detections": ("INT64", [2]),
    }
    assert outputs["num_detections"]["data"] == [2, 1]
    assert outputs["detection_scores"]["data"] == [0.93, 0.93, 0.93, 0.0]
    assert len(outputs["detection_boxes"]["data"]) == 16


def test_an_id_that_is_no_text_is_spelled_out() -> None:
    assert inference_of(with_request(id="\ud800"), None).id == r"\ud800", "what comes as JSON may be no text"
    assert inference_of(with_request(id=7), None).id is None


def test_nothing_found_is_an_empty_tensor() -> None:
    boxes, *_ = told_as_json([found(detections=0)], asked())["outputs"]

    assert (boxes["shape"], boxes["data"]) == ([1, 0, 4], [])


def test_only_the_outputs_that_were_asked_for() -> None:
    told = told_as_json([found()], asked("detection_scores"))

    assert [output["name"] for output in told["outputs"]] == ["detection_scores"]


def test_raw_outputs_follow_the_json_in_its_order() -> None:
    outputs = {"num_detections": True, "detection_scores": True, "detection_classes": False}
    content, json_bytes = answer(spec(), [found(detections=2), found(detections=0)], Inference([], outputs))

    scores, classes, count = json.loads(content[:json_bytes])["outputs"]
    assert (scores["shape"], scores["parameters"]) == ([2, 2], {"binary_data_size": 16})
    assert (classes["data"], "parameters" in classes) == ([1, 1, 1, 1], False)
    assert (count["shape"], count["parameters"], "data" in count) == ([2], {"binary_data_size": 16}, False)
    assert content[json_bytes:] == struct.pack("<4f2q", 0.93, 0.93, 0.0, 0.0, 2, 0)


def test_a_raw_output_without_rows_has_no_bytes() -> None:
    content, json_bytes = answer(spec(), [found(detections=0)], asked("detection_boxes", raw=True))

    [boxes] = json.loads(content)["outputs"]
    assert (boxes["shape"], boxes["parameters"]) == ([1, 0, 4], {"binary_data_size": 0})
    assert json_bytes == len(content)


def test_metadata() -> None:
    told = metadata(spec(), ["2", "1"])

    assert (told["name"], told["versions"]) == ("defects-small", ["2", "1"])
    assert told["inputs"] == [{"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}]
    assert told["outputs"][0] == {"name": "detection_boxes", "datatype": "FP32", "shape": [-1, -1, 4]}


def test_config_in_tritons_words() -> None:
    told = config(spec())

    assert (told["name"], told["max_batch_size"]) == ("defects-small", 0)
    assert told["input"] == [{"name": "image_bytes", "data_type": "TYPE_STRING", "format": "FORMAT_NONE", "dims": [-1]}]
    assert told["output"][0] == {"name": "detection_boxes", "data_type": "TYPE_FP32", "dims": [-1, -1, 4]}
