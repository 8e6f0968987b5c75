"""A client of TensorFlow Serving's REST interface as its examples are: `tf_serving_client.py URL MODEL IMAGE`.

It sends an image encoded, as resnet_client.py does for models that take files, and as a tensor, as one does for a model
that was exported with `--input_type image_tensor`; and prints what was found. It knows nothing of Vedette.
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import requests
from PIL import Image

SCORE_MIN = 0.5


def main(server: str, model: str, path: str) -> None:
    model_url = f"{server}/v1/models/{model}"
    [version] = requests.get(model_url, timeout=30).json()["model_version_status"]
    signature = requests.get(f"{model_url}/metadata", timeout=30).json()["metadata"]["signature_def"]["signature_def"]
    found = {
        "state": version["state"],
        "outputs": sorted(signature["serving_default"]["outputs"]),
        "file": by_file(f"{model_url}:predict", Path(path)),
        "tensor": by_tensor(f"{model_url}/versions/{version['version']}:predict", Path(path)),
    }
    print(json.dumps(found))


def by_file(url: str, path: Path) -> list[list[float]]:
    encoded = base64.b64encode(path.read_bytes()).decode()
    response = requests.post(url, data=f'{{"instances": [{{"b64": "{encoded}"}}]}}', timeout=60)
    response.raise_for_status()
    return likely(response.json()["predictions"][0])


def by_tensor(url: str, path: Path) -> list[list[float]]:
    pixels = np.array(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
    response = requests.post(url, json={"instances": np.expand_dims(pixels, 0).tolist()}, timeout=60)
    response.raise_for_status()
    return likely(response.json()["predictions"][0])


def likely(prediction: dict[str, list]) -> list[list[float]]:
    """[class, y_min, x_min, y_max, x_max] of what has a good score."""
    count = int(prediction["num_detections"])
    boxes = np.array(prediction["detection_boxes"])[:count]
    classes = np.array(prediction["detection_classes"]).astype(np.int64)[:count]
    scores = np.array(prediction["detection_scores"])[:count]
    return [[int(kind), *box.tolist()] for kind, box in zip(classes, boxes[scores >= SCORE_MIN], strict=False)]


if __name__ == "__main__":
    main(*sys.argv[1:])
