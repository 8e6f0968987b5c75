"""What speaks against a reading of a model's outputs."""

import numpy as np
import pytest

from workers.engine.plausible import evident, implausible
from workers.engine.readers.base import RawDetections


def raw(*boxes, scores=None, class_ids=None):
    count = len(boxes)
    return RawDetections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores if scores is not None else [0.9] * count, np.float32),
        np.array(class_ids if class_ids is not None else [1] * count, np.int64),
    )


BOX = (0.1, 0.2, 0.5, 0.6)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (raw(BOX), None),
        (raw(), None),
        (raw((-0.05, 0.0, 1.02, 1.0)), None),  # networks overshoot
        (raw((0, 0, 0, 0), scores=[0.0]), None),
        (raw((300, 200, 500, 600), scores=[0.0]), None),  # a row that stands for nothing
        (raw((100, 200, 300, 400)), "far outside"),
        (raw((0.6, 0.5, 0.1, 0.2)), "end before they begin"),
        (raw((np.nan, 0, 1, 1)), "not numbers"),
        (raw(BOX, scores=[np.inf]), "not numbers"),
        (raw(BOX, scores=[4.2]), "activation"),
        (raw(BOX, class_ids=[10_000_000]), "no class"),
        (raw(*[BOX] * 9, (100, 200, 300, 400)), None),  # one of ten
    ],
)
def test_what_speaks_against_it(found, says):
    flaw = implausible([found])

    assert flaw is None if says is None else says in flaw


@pytest.mark.parametrize(
    ("found", "is_evident"),
    [([raw(BOX)], True), ([raw()], False), ([raw((0, 0, 0, 0))], False), ([raw(), raw(BOX)], True)],
)
def test_whether_there_is_a_box_to_judge_by(found, is_evident):
    assert evident(found) is is_evident
