"""What a client of the Open Inference Protocol asks: the images of its one input, and the outputs that it wants. Pure.

    datatype  in `data`                        after the JSON (`binary_data_size`)
    BYTES     base64, an encoded image each    each image with its length before it: 4 bytes, little endian
    UINT8     numbers, flat or nested          pixels of a tensor [images, height, width, 3]

`binary_data` of an output, or `binary_data_output` of them all, asks for raw outputs:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any, Final

from producer.errors import InvalidArgument
from producer.gateway.errors import parsed_json, speakable
from producer.gateway.pixels import images_of_tensor, tensor_of_numbers
from producer.gateway.tf_serving import OUTPUTS, decoded

_WHERE: Final = "inputs.0"
_AXES_MAX: Final = 8
_SIDE_MAX: Final = 2**31
#: Parameters of an output that ask for something else than its numbers.
_NOT_SPOKEN: Final = ("classification", "shared_memory_region")


@dataclass(frozen=True)
class Inference:
    #: Encoded.
    images: list[bytes]
    #: Output to whether it is wanted raw.
    outputs: Mapping[str, bool]
    #: To be said again in the answer.
    id: str | None = None


def inference_of(body: bytes, header_bytes: int | None) -> Inference:
    """`header_bytes`: of the JSON, where raw tensors follow it; InvalidArgument for what is no inference request."""
    request = parsed_json(body[:header_bytes])
    inputs = request.get("inputs") if isinstance(request, Mapping) else None
    if not isinstance(inputs, Sequence) or len(inputs) != 1 or not isinstance(inputs[0], Mapping):
        raise InvalidArgument("inputs: expected one, of images")
    given, after = inputs[0], memoryview(body)[header_bytes if header_bytes is not None else len(body) :]
    kind = given.get("datatype")
    if kind not in ("BYTES", "UINT8"):
        raise InvalidArgument(f"{_WHERE}.datatype: {shown(kind)}; expected BYTES, encoded images, or UINT8, pixels")
    size = _parameters(given, _WHERE).get("binary_data_size")
    if size is not None and (not isinstance(size, int) or size != len(after)):
        raise InvalidArgument(f"binary_data_size: {shown(size)}, but {len(after)} bytes follow the JSON")
    shape, raw = _shape(given.get("shape")), None if size is None else after
    images = _encoded(given, shape, raw) if kind == "BYTES" else _pixels(given, shape, raw)
    asked_id = request.get("id")
    return Inference(images, _outputs(request), speakable(asked_id) if isinstance(asked_id, str) else None)


def _pixels(given: Mapping[str, Any], shape: list[int], raw: memoryview | None) -> list[bytes]:
    content = tensor_of_numbers(given.get("data"), f"{_WHERE}.data") if raw is None else raw
    return images_of_tensor(content, shape, _WHERE)


def _encoded(given: Mapping[str, Any], shape: list[int], raw: memoryview | None) -> list[bytes]:
    if raw is not None:
        images = _parts(raw)
    else:
        data = given.get("data")
        if not isinstance(data, list):
            raise InvalidArgument(f"{_WHERE}.data: expected a list of base64 texts")
        # [1, 1] may come as [["…"]].
        texts = data[0] if len(data) == 1 and isinstance(data[0], list) else data
        if not all(isinstance(item, str) for item in texts):
            raise InvalidArgument(f"{_WHERE}.data: expected a list of base64 texts")
        images = [decoded(item, f"{_WHERE}.data.{place}") for place, item in enumerate(texts)]
    if not images:
        raise InvalidArgument(f"{_WHERE}: expected at least one image")
    count = 1
    for side in shape:
        count *= side
    if count != len(images):
        raise InvalidArgument(f"{_WHERE}.shape: {shown(shape)} is of {count} images, {len(images)} came")
    return images


def _parts(content: memoryview) -> list[bytes]:
    parts: list[bytes] = []
    at = 0
    while at < len(content):
        if at + 4 > len(content):
            raise InvalidArgument("the bytes end within the length of an image")
        (length,) = struct.unpack_from("<I", content, at)
        if at + 4 + length > len(content):
            raise InvalidArgument(f"image {len(parts)}: {length} bytes announced, {len(content) - at - 4} are left")
        parts.append(bytes(content[at + 4 : at + 4 + length]))
        at += 4 + length
    return parts


def _shape(shape: Any) -> list[int]:
    if not isinstance(shape, list) or len(shape) > _AXES_MAX or not all(map(_is_side, shape)):
        raise InvalidArgument(f"{_WHERE}.shape: {shown(shape)}; expected a list of numbers, such as [1]")
    return shape


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 0 <= side <= _SIDE_MAX


def _outputs(request: Mapping[str, Any]) -> dict[str, bool]:
    """Those that are named, or all."""
    raw = _flag(_parameters(request, "the request"), "binary_data_output", default=False)
    outputs = request.get("outputs")
    if not outputs:
        return dict.fromkeys(OUTPUTS, raw)
    wanted: dict[str, bool] = {}
    for item in outputs if isinstance(outputs, list) else [None]:
        if not isinstance(item, Mapping) or item.get("name") not in OUTPUTS:
            raise InvalidArgument(f"outputs: {shown(outputs)}; expected some of {', '.join(OUTPUTS)}")
        name, parameters = item["name"], _parameters(item, "outputs")
        if unspoken := [key for key in _NOT_SPOKEN if parameters.get(key)]:
            raise InvalidArgument(f"outputs: {name}: {unspoken[0]} is not spoken here")
        wanted[name] = _flag(parameters, "binary_data", default=raw)
    return wanted


def _parameters(item: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    parameters = item.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise InvalidArgument(f"{where}: parameters: {shown(parameters)}; expected an object")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name}: {shown(value)}; expected true or false")
    return value
