"""How many classes a model can put out, where the shapes of its outputs tell. Pure."""

from collections.abc import Mapping

from contract.model_io import Outputs
from workers.engine.facts import TensorFacts

_BOX_COLUMNS = 4


def class_count(outputs: Outputs, tensors: Mapping[str, TensorFacts]) -> int | None:
    """From the axis of scores per class; None for finished detections, which carry numbers only, and for free sizes."""
    match outputs.kind:
        case "candidates":
            return _size(tensors, outputs.scores, -1)
        case "queries":
            classes = _size(tensors, outputs.logits, -1)
            return None if classes is None else classes - outputs.no_object
        case "anchors":
            return _size(tensors, outputs.logits, -1)
        case "grid":
            columns = _size(tensors, outputs.tensor, 1 if outputs.layout == "channels_first" else 2)
            return None if columns is None else columns - _BOX_COLUMNS - outputs.objectness
        case _:
            return None


def _size(tensors: Mapping[str, TensorFacts], name: str, axis: int) -> int | None:
    shape = tensors[name].shape if name in tensors else None
    return None if not shape or len(shape) < abs(axis) else shape[axis]
