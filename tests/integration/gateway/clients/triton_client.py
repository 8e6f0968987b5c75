"""A program written for Triton with NVIDIA's client: `triton_client.py URL MODEL IMAGE`. It knows nothing of Vedette.

It goes through what such programs ask before (liveness, readiness, metadata, configuration, index), then infers in each
way in which the client can send and be answered: raw, which is its default, and as JSON; encoded images and tensors.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.http as triton
from PIL import Image

OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def main(url: str, model: str, path: str) -> None:
    client = triton.InferenceServerClient(url.removeprefix("http://"), network_timeout=60)
    metadata = client.get_model_metadata(model)
    config = client.get_model_config(model, metadata["versions"][0])
    found = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "version_ready": client.is_model_ready(model, metadata["versions"][0]),
        "unknown_ready": client.is_model_ready("nobody"),
        "extensions": client.get_server_metadata()["extensions"],
        "index": client.get_model_repository_index(),
        "input": metadata["inputs"][0]["name"] == config["input"][0]["name"],
    }
    content = Path(path).read_bytes()
    pixels = np.array(Image.open(path).convert("RGB"))[np.newaxis]
    for raw in (True, False):
        file_input = triton.InferInput(metadata["inputs"][0]["name"], [1], metadata["inputs"][0]["datatype"])
        file_input.set_data_from_numpy(np.array([content if raw else base64_of(content)], np.object_), binary_data=raw)
        tensor_input = triton.InferInput("input_tensor", list(pixels.shape), "UINT8")
        tensor_input.set_data_from_numpy(pixels, binary_data=raw)
        wanted = [triton.InferRequestedOutput(name, binary_data=raw) for name in OUTPUTS]
        for kind, given in (("file", file_input), ("tensor", tensor_input)):
            way = f"{kind}, {'raw' if raw else 'json'}"
            found[way] = detections(client.infer(model, [given], outputs=wanted, request_id=way), way)
    found["no outputs named"] = detections(client.infer(model, [tensor_input], model_version="1"), None)
    dark = triton.InferInput("input_tensor", [1, 32, 32, 3], "UINT8")
    dark.set_data_from_numpy(np.zeros((1, 32, 32, 3), np.uint8))
    found["nothing"] = client.infer(model, [dark]).as_numpy("detection_boxes").shape
    try:
        client.infer("nobody", [dark])
    except triton.InferenceServerException as error:
        found["error"] = [error.status(), error.message()]
    print(json.dumps(found))


def base64_of(content: bytes) -> bytes:
    return base64.b64encode(content)


def detections(result: triton.InferResult, request_id: str | None) -> list[list[float]]:
    """[class, y_min, x_min, y_max, x_max] of each."""
    assert result.get_response().get("id") == request_id
    [count] = result.as_numpy("num_detections")
    classes, boxes = result.as_numpy("detection_classes"), result.as_numpy("detection_boxes")
    assert (boxes.dtype, classes.dtype) == (np.float32, np.int64)
    assert result.as_numpy("detection_scores").shape == classes.shape == boxes.shape[:2] == (1, count)
    return [[int(kind), *map(float, box)] for kind, box in zip(classes[0], boxes[0], strict=True)]


if __name__ == "__main__":
    main(*sys.argv[1:])
