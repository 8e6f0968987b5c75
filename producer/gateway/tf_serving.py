"""What TensorFlow Serving's REST interface says of detections: pure conversions. `tf_routes` serves them.

https://www.tensorflow.org/tfx/serving/api_rest; an image is `{"b64": "…"}`, encoded, or [height][width][3] of pixels.
The names of the outputs are those of the Object Detection API:

    detection_boxes    [N][4]   y_min, x_min, y_max, x_max as fractions of height and width
    detection_scores   [N]
    detection_classes  [N]      class ids, as numbers with a fraction, as a model has them
    num_detections              N, the same
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contract.messages import ImageResult
from producer.errors import InvalidArgument
from producer.gateway.pixels import image_of_rows

#: As the exporters of the Object Detection API pad them: every instance has so many rows, the last ones all zero.
_SHAPES: Final[Mapping[str, Sequence[int]]] = {
    "detection_boxes": (-1, -1, 4),
    "detection_scores": (-1, -1),
    "detection_classes": (-1, -1),
    "num_detections": (-1,),
}
OUTPUTS: Final = tuple(_SHAPES)
#: What it is called when somebody asks; whoever sends one may call it otherwise.
INPUT: Final = "image_bytes"
SIGNATURE: Final = "serving_default"


def instances_of(body: Any) -> tuple[list[bytes], bool]:
    """The encoded images of a predict request, and whether it is columnar (`inputs`) and not by rows (`instances`)."""
    if not isinstance(body, Mapping) or ("instances" in body) == ("inputs" in body):
        raise InvalidArgument('expected a JSON object with either "instances" or "inputs"')
    columnar = "inputs" in body
    given = body["inputs"] if columnar else body["instances"]
    if columnar and isinstance(given, Mapping) and not _is_b64(given):
        if len(given) != 1:
            raise InvalidArgument(f'"inputs" has {len(given)} names; expected one, of the images')
        given = next(iter(given.values()))
    if columnar and _is_b64(given):
        given = [given]
    if not isinstance(given, list) or not given:
        raise InvalidArgument("expected a list of one or more images")
    return [_image(place, item) for place, item in enumerate(given)], columnar


def _is_b64(item: Any) -> bool:
    return isinstance(item, Mapping) and set(item) == {"b64"}


def _image(place: int, item: Any) -> bytes:
    """Encoded or as pixels, bare or under the one name of the model's input (`image_bytes`, `input_tensor`, …)."""
    if isinstance(item, Mapping) and len(item) == 1 and not _is_b64(item):
        item = next(iter(item.values()))
    where = f"instance {place}"
    if isinstance(item, list):
        return image_of_rows(item, where)
    if not _is_b64(item) or not isinstance(item["b64"], str):
        raise InvalidArgument(
            f'{where}: expected an encoded image (JPEG, PNG, …) as {{"b64": "…"}}, or pixels as [height][width][3]'
        )
    return decoded(item["b64"], where)


def decoded(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(f"{where}: {text!r:.40} is not base64") from None


def metadata(name: str, version: str) -> dict[str, Any]:
    """Of `GET …/metadata`: the signature of an export that takes encoded images."""
    return {
        "model_spec": {"name": name, "signature_name": "", "version": version},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    SIGNATURE: {
                        "inputs": {INPUT: _tensor(INPUT, "DT_STRING", [-1])},
                        "outputs": {name: _tensor(name, "DT_FLOAT", shape) for name, shape in _SHAPES.items()},
                        "method_name": "tensorflow/serving/predict",
                    }
                }
            }
        },
    }


def _tensor(name: str, dtype: str, shape: Sequence[int]) -> dict[str, Any]:
    dim = [{"size": str(side), "name": ""} for side in shape]
    return {"dtype": dtype, "tensor_shape": {"dim": dim, "unknown_rank": False}, "name": f"{name}:0"}


def prediction(result: ImageResult) -> dict[str, Any]:
    """The outputs of one image that did not fail."""
    width, height, found = result.width or 1, result.height or 1, result.detections or []
    return {
        "detection_boxes": [
            [box[1] / height, box[0] / width, box[3] / height, box[2] / width] for box in (each.box for each in found)
        ],
        "detection_scores": [each.score for each in found],
        "detection_classes": [float(each.class_id) for each in found],
        "num_detections": float(len(found)),
    }


def answer(results: Sequence[ImageResult], *, columnar: bool) -> dict[str, Any]:
    """`predictions` by rows, or `outputs` by columns: there, every image has as many rows as the one with most."""
    rows = [prediction(result) for result in results]
    if not columnar:
        return {"predictions": rows}
    most = max(int(row["num_detections"]) for row in rows)
    for row in rows:
        missing = most - int(row["num_detections"])
        row["detection_boxes"] += [[0.0] * 4] * missing
        row["detection_scores"] += [0.0] * missing
        row["detection_classes"] += [1.0] * missing
    return {"outputs": {name: [row[name] for row in rows] for name in OUTPUTS}}


def model_status(versions: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """(version, whether a live worker can run it), the latest first."""
    return {
        "model_version_status": [
            {
                "version": version,
                "state": "AVAILABLE" if serves else "UNKNOWN",
                "status": {"error_code": "OK" if serves else "UNAVAILABLE", "error_message": ""},
            }
            for version, serves in versions
        ]
    }
