"""What the Open Inference Protocol (v2, of KServe, Triton, Seldon and others) says of detections: pure conversions.

https://github.com/open-inference/open-inference-protocol: one BYTES input of encoded images, base64 in `data`, or raw
after the JSON where `binary_data_size` says so (each image with its length before it, 4 bytes, little endian). Outputs
have the names of `tf_serving`, padded to as many rows as the image with most has.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contract.messages import ImageResult
from contract.model_spec import ModelSpec
from producer.errors import InvalidArgument
from producer.gateway import tf_serving
from producer.gateway.errors import parsed_json, speakable
from producer.gateway.tf_serving import decoded

INPUT: Final = "image_bytes"
_OUTPUTS: Final[tuple[tuple[str, str, list[int]], ...]] = (
    ("detection_boxes", "FP32", [-1, 4]),
    ("detection_scores", "FP32", [-1]),
    ("detection_classes", "INT64", [-1]),
    ("num_detections", "INT64", []),
)


def metadata(spec: ModelSpec, versions: Sequence[str]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "versions": [*versions],
        "platform": "tensorflow_savedmodel",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1, *shape]} for name, kind, shape in _OUTPUTS],
    }


def images_of(body: bytes, header_bytes: int | None) -> tuple[list[bytes], Mapping[str, Any]]:
    """The encoded images, and the request that they came in. `header_bytes`: of the JSON, where bytes follow it."""
    request = parsed_json(body[:header_bytes])
    inputs = request.get("inputs") if isinstance(request, Mapping) else None
    if not isinstance(inputs, Sequence) or len(inputs) != 1 or not isinstance(inputs[0], Mapping):
        raise InvalidArgument("inputs: expected one, of encoded images")
    given = inputs[0]
    if given.get("datatype") != "BYTES":
        raise InvalidArgument(f"inputs.0.datatype: {given.get('datatype')!r:.40}; expected BYTES, encoded images")
    parameters = given.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, Mapping) else None
    if size is not None:
        images = _raw(body[header_bytes or len(body) :], size)
    else:
        data = given.get("data")
        if not isinstance(data, Sequence) or isinstance(data, str) or not all(isinstance(item, str) for item in data):
            raise InvalidArgument("inputs.0.data: expected a list of base64 texts")
        images = [decoded(item, f"inputs.0.data.{place}") for place, item in enumerate(data)]
    if not images:
        raise InvalidArgument("inputs.0: expected at least one image")
    _check_shape(given.get("shape"), len(images))
    _wanted(request.get("outputs"))
    return images, request


def _raw(content: bytes, size: Any) -> list[bytes]:
    if not isinstance(size, int) or size != len(content):
        raise InvalidArgument(f"binary_data_size: {size!r:.40}, but {len(content)} bytes follow the JSON")
    images: list[bytes] = []
    at = 0
    while at < len(content):
        if at + 4 > len(content):
            raise InvalidArgument("the bytes end within the length of an image")
        (length,) = struct.unpack_from("<I", content, at)
        if at + 4 + length > len(content):
            raise InvalidArgument(f"image {len(images)}: {length} bytes announced, {len(content) - at - 4} are left")
        images.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return images


def _check_shape(shape: Any, images: int) -> None:
    count = 1
    for side in shape if isinstance(shape, Sequence) and not isinstance(shape, str) else [None]:
        if not isinstance(side, int) or isinstance(side, bool):
            raise InvalidArgument(f"inputs.0.shape: {shape!r:.40}; expected a list of numbers, such as [{images}]")
        count *= side
    if count != images:
        raise InvalidArgument(f"inputs.0.shape: {shape!r:.40} is of {count} images, {images} came")


def answer(spec: ModelSpec, results: Sequence[ImageResult], request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the outputs that the request names, or all; with its id, if it has one."""
    wanted = _wanted(request.get("outputs"))
    columns = tf_serving.answer(results, columnar=True)["outputs"]
    outputs = []
    for name, kind, shape in _OUTPUTS:
        if name not in wanted:
            continue
        rows = columns[name]
        sides = [len(rows)]
        if shape:
            sides += [len(rows[0]), *shape[1:]]
        number = int if kind == "INT64" else float
        outputs.append(
            {"name": name, "datatype": kind, "shape": sides, "data": [number(value) for value in _flat(rows)]}
        )
    told = {"model_name": spec.name, "model_version": spec.version, "outputs": outputs}
    if isinstance(request.get("id"), str):
        told["id"] = speakable(request["id"])
    return told


def _wanted(outputs: Any) -> set[Any]:
    known = {name for name, _, _ in _OUTPUTS}
    if not outputs:
        return known
    named = {item.get("name") for item in outputs if isinstance(item, Mapping)} if isinstance(outputs, list) else set()
    if not named or not named <= known:
        raise InvalidArgument(f"outputs: {outputs!r:.80}; expected some of {', '.join(sorted(known))}")
    return named


def _flat(rows: Any) -> list[float]:
    return [value for row in rows for value in _flat(row)] if isinstance(rows, list) else [rows]
