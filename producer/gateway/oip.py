"""What the Open Inference Protocol (v2, of KServe, Triton, Seldon and others) says of models and detections. Pure.

https://github.com/open-inference/open-inference-protocol. Outputs have the names of `tf_serving`, padded to as many
rows as the image with most has. What clients ask is read by `oip_request`.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any, Final

from contract.messages import ImageResult
from contract.model_spec import ModelSpec
from producer.gateway import tf_serving
from producer.gateway.oip_request import Inference
from producer.gateway.tf_serving import INPUT

#: Name, datatype, shape of one image's part.
_OUTPUTS: Final[tuple[tuple[str, str, list[int]], ...]] = (
    ("detection_boxes", "FP32", [-1, 4]),
    ("detection_scores", "FP32", [-1]),
    ("detection_classes", "INT64", [-1]),
    ("num_detections", "INT64", []),
)
_PLATFORM: Final = "tensorflow_savedmodel"
#: Raw tensors are little endian.
_FORMATS: Final = {"FP32": "f", "INT64": "q"}


def metadata(spec: ModelSpec, versions: Sequence[str]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "versions": [*versions],
        "platform": _PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1, *shape]} for name, kind, shape in _OUTPUTS],
    }


def config(spec: ModelSpec) -> dict[str, Any]:
    """Triton's extension: what clients of it read before they ask. `max_batch_size` 0: shapes have the images' axis."""
    return {
        "name": spec.name,
        "platform": _PLATFORM,
        "backend": "vedette",
        "max_batch_size": 0,
        "input": [{"name": INPUT, "data_type": "TYPE_STRING", "format": "FORMAT_NONE", "dims": [-1]}],
        "output": [{"name": name, "data_type": f"TYPE_{kind}", "dims": [-1, *shape]} for name, kind, shape in _OUTPUTS],
    }


def answer(spec: ModelSpec, results: Sequence[ImageResult], asked: Inference) -> tuple[bytes, int | None]:
    """The body, and the length of its JSON when raw outputs follow that."""
    columns = tf_serving.answer(results, columnar=True)["outputs"]
    outputs: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for name, kind, shape in _OUTPUTS:
        if name not in asked.outputs:
            continue
        rows = columns[name]
        sides = [len(rows), len(rows[0]), *shape[1:]] if shape else [len(rows)]
        values = [(int if kind == "INT64" else float)(value) for value in _flat(rows)]
        told = {"name": name, "datatype": kind, "shape": sides}
        if asked.outputs[name]:
            raw.append(struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values))
            outputs.append({**told, "parameters": {"binary_data_size": len(raw[-1])}})
        else:
            outputs.append({**told, "data": values})
    whole = {"model_name": spec.name, "model_version": spec.version, "outputs": outputs}
    if asked.id is not None:
        whole["id"] = asked.id
    head = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    return head + b"".join(raw), len(head) if raw else None


def _flat(rows: Any) -> list[float]:
    return [value for row in rows for value in _flat(row)] if isinstance(rows, list) else [rows]
