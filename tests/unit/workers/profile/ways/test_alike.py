"""workers.profile.ways.alike: which differences are within the tolerance."""

import numpy as np
import pytest

from workers.engine.readers.base import RawDetections
from workers.profile.ways.alike import difference, finds_nothing, iou, numbers_differ

BOX = (0.2, 0.2, 0.6, 0.6)


def found(*rows):
    """(box, score, class) each."""
    boxes, scores, class_ids = zip(*rows, strict=True) if rows else ([], [], [])
    return RawDetections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(class_ids, np.int64)
    )


def moved(by):
    return tuple(side + by for side in BOX)


@pytest.mark.parametrize(
    ("exported", "other", "alike"),
    [
        pytest.param([(BOX, 0.9, 1)], [(BOX, 0.9, 1)], True, id="the same"),
        pytest.param([(BOX, 0.9, 1)], [(moved(0.004), 0.885, 1)], True, id="within the tolerance"),
        pytest.param([(BOX, 0.9, 1)], [(moved(0.02), 0.9, 1)], False, id="a box elsewhere"),
        pytest.param([(BOX, 0.9, 1)], [(BOX, 0.87, 1)], False, id="another score"),
        pytest.param([(BOX, 0.9, 1)], [(BOX, 0.9, 2)], False, id="another class"),
        pytest.param([(BOX, 0.9, 1)], [], False, id="one is missing"),
        pytest.param([], [(BOX, 0.9, 1)], False, id="one too many"),
        pytest.param([(BOX, 0.31, 1)], [(BOX, 0.295, 1)], True, id="on the other side of the score that counts"),
        pytest.param([(BOX, 0.9, 1), (BOX, 0.2, 2)], [(BOX, 0.9, 1)], True, id="what is below it does not count"),
        pytest.param([(BOX, 0.2, 1)], [(BOX, 0.25, 1)], False, id="but where there is nothing else, it does"),
        pytest.param([(BOX, 0.01, 1)], [], True, id="next to nothing is nothing"),
        pytest.param(
            [(BOX, 0.9, 1), (moved(0.3), 0.8, 2)], [(moved(0.3), 0.8, 2), (BOX, 0.9, 1)], True, id="in another order"
        ),
        pytest.param([((0.5, 0.5, 0.5, 0.5), 0.9, 1)], [((0.5, 0.5, 0.5, 0.5), 0.9, 1)], True, id="without area"),
    ],
)
def test_what_is_alike(exported, other, alike) -> None:
    assert (difference([found(*exported)], [found(*other)]) == "") is alike


def test_each_image_is_compared_and_the_difference_is_named() -> None:
    same, off = found((BOX, 0.9, 3)), found((moved(0.1), 0.9, 3))

    said = "class 3 with a score of 0.90 is found by the exported graph only, or elsewhere"
    assert difference([same, same], [same, off]) == f"{said}, and 1 more of 4"
    assert difference([same, found()], [same, same]).startswith("class 3 with a score of 0.90 is found by this one")
    assert difference([same], [same, same]) == "1 images got 2 answers"


@pytest.mark.parametrize(("alone", "alike"), [(0, True), (1, True), (2, False)])
def test_one_in_fifty_may_be_decided_otherwise_by_suppression(alone, alike) -> None:
    rows = [((0.0, 0.0, 0.1 + 0.01 * row, 0.1), 0.9, row) for row in range(50)]
    other = [(moved(0.1), 0.9, row) if row < alone else (box, 0.9, row) for box, _, row in rows]

    said = difference([found(*rows)], [found(*other)])

    assert said == (
        ""
        if alike
        else "class 0 with a score of 0.90 is found by the exported graph only, or elsewhere, and 3 more of 100"
    )


def test_only_the_best_count_where_no_score_is_high() -> None:
    # Given 30 rows of scores below the one that counts, of which the last ten differ
    exported = [(moved(0.01 * row), 0.28 - 0.005 * row, 1) for row in range(30)]
    other = exported[:20] + [(box, score, 2) for box, score, _ in exported[20:]]

    assert difference([found(*exported)], [found(*other)]) == ""
    assert difference([found(*exported)], [found(*other[1:])]) != ""


def test_a_model_that_finds_nothing_is_compared_by_its_numbers() -> None:
    assert finds_nothing([found(), found((BOX, 0.01, 1))])
    assert not finds_nothing([found(), found((BOX, 0.4, 1))])
    numbers = {"scores": np.array([0.001, 2.0])}
    assert numbers_differ([numbers], [{"scores": np.array([0.002, 2.01])}]) == ""
    assert numbers_differ([numbers], [{"scores": np.array([0.001, 2.1])}]) == "scores is off by 0.1"
    assert numbers_differ([numbers], [{"scores": np.array([0.001])}]) == "scores is [1] instead of [2]"


def test_intersection_over_union() -> None:
    half = (0.2, 0.2, 0.6, 0.4)
    assert iou(np.array(BOX, np.float32), np.array([BOX, half, moved(0.5)], np.float32)) == pytest.approx([1, 0.5, 0])
