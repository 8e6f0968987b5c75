"""What OpenAPI says of the bodies that clients of other servers send: JSON schemas of requests that are understood."""

from typing import Any, Final

from producer.gateway.schemas import json_body
from producer.gateway.tf_serving import INPUT, OUTPUTS, SIGNATURE

_IMAGE_B64: Final = "/9j/4AAQSkZJRg=="
_PIXEL: Final = {"type": "integer", "minimum": 0, "maximum": 255}
_ENCODED: Final = {
    "type": "object",
    "description": "An encoded image: JPEG, PNG, …",
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
    "required": ["b64"],
    "additionalProperties": False,
}
_BARE: Final = {"anyOf": [_ENCODED, {"type": "array", "description": "[height][width][3]", "minItems": 1}]}
#: Whatever the input is called.
_NAMED: Final = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": _BARE}
_ROWS: Final = {"type": "array", "minItems": 1, "items": {"anyOf": [_BARE, _NAMED]}}
_COLUMN: Final = {"type": "array", "minItems": 1, "items": _BARE}
_COLUMNS: Final = {
    "anyOf": [
        _COLUMN,
        {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": _COLUMN},
    ]
}
_SIGNATURE: Final = {"signature_name": {"type": "string", "examples": [SIGNATURE]}}

PREDICT: Final = json_body(
    {
        "oneOf": [
            {"type": "object", "properties": {"instances": _ROWS, **_SIGNATURE}, "required": ["instances"]},
            {"type": "object", "properties": {"inputs": _COLUMNS, **_SIGNATURE}, "required": ["inputs"]},
        ]
    },
    {"instances": [{"b64": _IMAGE_B64}]},
)


def _tensor(datatype: str, axes: tuple[int, int], item: dict[str, Any]) -> dict[str, Any]:
    least, most = axes
    shape = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": least, "maxItems": most}
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "datatype": {"const": datatype},
            "shape": shape,
            "data": {"type": "array", "items": item, "minItems": 1},
            "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer", "minimum": 0}}},
        },
        "required": ["name", "datatype", "shape"],
    }


_INPUT: Final = {
    "anyOf": [
        _tensor("BYTES", (1, 2), {"type": "string", "contentEncoding": "base64"}),
        _tensor("UINT8", (3, 4), {"anyOf": [_PIXEL, {"type": "array"}]}),
    ]
}
_OUTPUT: Final = {
    "type": "object",
    "properties": {
        "name": {"enum": [*OUTPUTS]},
        "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}},
    },
    "required": ["name"],
}

INFER: Final = json_body(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "items": _INPUT, "minItems": 1, "maxItems": 1},
            "outputs": {"type": "array", "items": _OUTPUT},
            "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"}}},
        },
        "required": ["inputs"],
    },
    {"inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1], "data": [_IMAGE_B64]}]},
)

#: `infer` answers in either way.
INFERRED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Outputs: as JSON, or raw after it where `binary_data` or `binary_data_output` asks for that",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["model_name", "model_version", "outputs"]}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
PREDICTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "`predictions` by rows, or `outputs` by columns, as they were asked",
        "content": {
            "application/json": {
                "schema": {"anyOf": [{"required": ["predictions"]}, {"required": ["outputs"]}], "type": "object"}
            }
        },
    }
}
