"""Ultralytics `export(format="saved_model")`, with and without `nms=True`, and YOLOv5 before it.

Source: ultralytics/engine/exporter.py and nn/autobackend.py. Fixed size, floats from 0 to 1, letterboxed on both sides
with grey 114; one output. `metadata.yaml` beside it tells the classes and the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from contract.model_io import BoxUnits, GridOutputs, RowsOutputs
from workers.engine.facts import ModelFacts, SignatureFacts
from workers.engine.forms.base import Recognised, Refused, also, image_input

_FED: Final = {"std": (255.0, 255.0, 255.0), "fit": "letterbox_centred", "pad": 114}
_ROW: Final[Any] = ("box0", "box1", "box2", "box3", "score", "class")
#: More rows than any export keeps after suppression are anchor points.
_MOST_FINISHED: Final = 1000
_BOTH: Final[tuple[BoxUnits, BoxUnits]] = ("fraction", "pixel")


class Ultralytics:
    name: ClassVar[str] = "ultralytics"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        image = image_input(signature)
        metadata = facts.side.ultralytics
        if image is None or image.fields["input_dtype"] != "float32" or "size_px" not in image.fields:
            return None
        task = str(metadata.get("task", "detect"))
        if task != "detect":
            return Refused(self.name, f"its task is {task}, and only detect is read. Export a detector")
        if len(signature.outputs) != 1:
            return None
        [(tensor, shape)] = ((name, output.shape) for name, output in signature.outputs.items())
        if shape is None or len(shape) != 3 or shape[1] is None or shape[2] is None:
            return None
        labels = names(metadata)
        means = _meanings(tensor, shape[1], shape[2], len(labels))
        return Recognised(
            self.name if means[0].kind == "rows" or means[0].layout == "channels_first" else "yolov5",
            image.signature(signature.key, **_FED),
            means[0],
            first_class=0,
            alternatives=tuple(means[1:]),
            labels=labels or None,
            notes=also(signature, facts),
        )


def _meanings(tensor: str, rows: int, columns: int, classes: int) -> list[Any]:
    """[N, 6] is finished; a long second axis holds anchor points, a long first one too: YOLOv5, with objectness."""
    if columns == len(_ROW) and rows <= _MOST_FINISHED:
        return [RowsOutputs(tensor=tensor, columns=_ROW, order="xyxy", units=units) for units in _BOTH]
    if rows < columns:
        return [GridOutputs(tensor=tensor, units=units) for units in _BOTH]
    objectness = not classes or columns == 5 + classes
    return [GridOutputs(tensor=tensor, layout="channels_last", objectness=objectness, units=units) for units in _BOTH]


def names(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Labels by class id (as text) of `metadata.yaml`, whose `names` is a table or a list."""
    given: Any = metadata.get("names") or {}
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given)
    return {str(class_id): str(label) for class_id, label in pairs}
