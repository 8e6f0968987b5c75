"""A program with the Open Inference Protocol's own generated client: `oip_client.py URL MODEL IMAGE`."""

import base64
import json
import sys
from pathlib import Path

import numpy as np
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.errors import NotFoundError
from open_inference.openapi.types import InferenceRequest, RequestInput
from PIL import Image


def main(url: str, model: str, path: str) -> None:
    client = OpenInferenceClient(base_url=url)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness(model)
    metadata = client.read_model_metadata(model)
    try:
        client.check_model_readiness("nobody")
    except NotFoundError as error:
        unknown = error.status_code
    pixels = np.array(Image.open(path).convert("RGB"))[np.newaxis]
    file_input = RequestInput(
        name=metadata.inputs[0].name,
        shape=[1],
        datatype=metadata.inputs[0].datatype,
        data=[base64.b64encode(Path(path).read_bytes()).decode()],
    )
    tensor_input = RequestInput(
        name="input_tensor", shape=list(pixels.shape), datatype="UINT8", data=pixels.ravel().tolist()
    )
    found = {
        "server": client.read_server_metadata().name,
        "versions": metadata.versions,
        "unknown": unknown,
        "file": infer(client, model, file_input),
        "tensor": infer(client, model, tensor_input),
    }
    print(json.dumps(found))


def infer(client: OpenInferenceClient, model: str, given: RequestInput) -> list[list[float]]:
    """[class, y_min, x_min, y_max, x_max] of each."""
    answer = client.model_infer(model, request=InferenceRequest(id="7", inputs=[given]))
    assert answer.id == "7"
    outputs = {output.name: (output.shape, json.loads(output.json())["data"]) for output in answer.outputs}
    (_, rows, _), boxes = outputs["detection_boxes"]
    _, classes = outputs["detection_classes"]
    return [[int(classes[row]), *boxes[4 * row : 4 * row + 4]] for row in range(rows)]


if __name__ == "__main__":
    main(*sys.argv[1:])
