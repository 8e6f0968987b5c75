from types import SimpleNamespace

import numpy as np
import pytest

from workers.engine.boxes import to_detections

LABELS = {"1": "scratch", "2": "dent"}


def raw(*rows: tuple[float, int, tuple[float, float, float, float]]):
    """RawDetections of (score, class, (y_min, x_min, y_max, x_max)) rows, without TensorFlow's import."""
    return SimpleNamespace(
        boxes=np.array([box for _, _, box in rows], np.float32).reshape(-1, 4),
        scores=np.array([score for score, _, _ in rows], np.float32),
        class_ids=np.array([class_id for _, class_id, _ in rows], np.int64),
    )


def detections(*rows, min_score: float = 0.5):
    return to_detections(raw(*rows), width_px=200, height_px=100, labels=LABELS, min_score=min_score)


def test_fractions_become_pixels_and_y_first_becomes_x_first():
    [found] = detections((0.93456, 2, (0.1, 0.2, 0.5, 0.75)))

    assert found.box == (40.0, 10.0, 150.0, 50.0)
    assert (found.label, found.class_id, found.score) == ("dent", 2, 0.9346)


def test_the_best_come_first_and_equals_keep_the_models_order():
    box = (0.0, 0.0, 1.0, 1.0)
    found = detections((0.6, 1, box), (0.9, 2, box), (0.6, 2, box), (0.8, 1, box))

    assert [(one.score, one.class_id) for one in found] == [(0.9, 2), (0.8, 1), (0.6, 1), (0.6, 2)]


def test_a_score_of_exactly_the_minimum_is_enough():
    box = (0.0, 0.0, 1.0, 1.0)

    assert [one.score for one in detections((0.5, 1, box), (0.4999, 1, box))] == [0.5]
    assert detections((0.2, 1, box)) == []
    assert len(detections((0.0, 1, box), min_score=0.0)) == 1


def test_a_score_that_is_no_number_is_no_detection():
    assert detections((float("nan"), 1, (0.0, 0.0, 1.0, 1.0)), min_score=0.0) == []


def test_a_box_that_is_no_number_is_refused_for_json_has_none():
    with pytest.raises(ValueError, match="not a number"):
        detections((0.9, 1, (0.0, float("nan"), 1.0, 1.0)))


def test_boxes_end_at_the_image():
    [found] = detections((0.9, 1, (-0.2, -1e9, 1.4, float("inf"))))

    assert found.box == (0.0, 0.0, 200.0, 100.0)


def test_a_class_without_a_label_keeps_its_number():
    [found] = detections((0.9, 17, (0.0, 0.0, 1.0, 1.0)))

    assert (found.label, found.class_id) == ("17", 17)


def test_nothing_found_is_an_empty_list():
    assert detections() == []
