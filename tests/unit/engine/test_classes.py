"""How many classes shapes tell of."""

import pytest

from contract.model_io import (
    AnchorsOutputs,
    BoxesOutputs,
    CandidatesOutputs,
    GridOutputs,
    QueriesOutputs,
)
from workers.engine.classes import class_count
from workers.engine.facts import TensorFacts


def tensors(**shapes):
    return {name: TensorFacts("float32", shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("outputs", "shapes", "count"),
    [
        (CandidatesOutputs(boxes="b", scores="s"), {"b": (None, 9, 4), "s": (None, 9, 91)}, 91),
        (QueriesOutputs(boxes="b", logits="l"), {"l": (None, 300, 80)}, 80),
        (QueriesOutputs(boxes="b", logits="l", no_object=True), {"l": (None, 100, 92)}, 91),
        (AnchorsOutputs(regression="r", logits="l"), {"l": (None, None, 80)}, 80),
        (GridOutputs(tensor="t"), {"t": (1, 84, 8400)}, 80),
        (GridOutputs(tensor="t", layout="channels_last", objectness=True), {"t": (1, 25200, 85)}, 80),
        (GridOutputs(tensor="t"), {"t": (1, None, 8400)}, None),
        (CandidatesOutputs(boxes="b", scores="s"), {"s": None}, None),
        (CandidatesOutputs(boxes="b", scores="s"), {}, None),
        (BoxesOutputs(), {"detection_scores": (1, 100)}, None),
    ],
)
def test_the_axis_of_scores_tells(outputs, shapes, count):
    assert class_count(outputs, tensors(**shapes)) == count
