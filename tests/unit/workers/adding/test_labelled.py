"""Label maps count from 1, outputs of half of the exporters from 0."""

import pytest

from contract.errors import LabelsError
from workers.adding.labelled import checked, shifted
from workers.labels import read_labels


@pytest.mark.parametrize(
    ("labels", "first_class", "becomes"),
    [
        ({1: "person", 2: "car"}, 1, {1: "person", 2: "car"}),
        ({1: "person", 2: "car"}, 0, {0: "person", 1: "car"}),
        ({0: "person", 1: "car"}, 0, {0: "person", 1: "car"}),
        ({0: "person", 1: "car"}, 1, {1: "person", 2: "car"}),
        # With a background, the others are numbered from 1 already.
        ({0: "background", 1: "person"}, 1, {0: "background", 1: "person"}),
        ({0: "background", 1: "person"}, 0, {0: "person"}),
        ({3: "person"}, 0, {2: "person"}),
        ({}, 1, {}),
    ],
)
def test_labels_are_shifted_to_where_the_models_classes_begin(labels, first_class, becomes):
    assert shifted(labels, first_class) == becomes


@pytest.mark.parametrize(
    ("labels", "first_class", "class_count", "seen"),
    [
        ({1: "person"}, 1, 1, [1]),
        ({1: "person", 2: "car"}, 1, None, [1]),
        ({0: "person", 1: "car"}, 0, 2, [0, 1]),
        ({1: "person"}, 1, 1, [0, 1]),  # 0 is the background's
        (read_labels("coco-90"), 1, 90, [1, 12]),  # 90 numbers, 80 names
        (shifted(read_labels("coco-90"), 0), 0, 90, [11]),
        (read_labels("coco-80", 0), 0, 80, [79]),
    ],
)
def test_labels_that_cover_the_classes_pass(labels, first_class, class_count, seen):
    checked(labels, first_class, class_count, seen)


@pytest.mark.parametrize(
    ("labels", "first_class", "class_count", "seen", "says"),
    [
        ({1: "person"}, 1, 3, [], "2 of the model's 3 (1 to 3) have no label: 2, 3"),
        ({1: "person"}, 1, None, [1, 7], "1 of the model's 2 (1 to 7) have no label: 7"),
        (read_labels("coco-80"), 1, 90, [], "10 of the model's 90 (1 to 90) have no label: 81, 82"),
    ],
)
def test_a_class_without_a_label_is_named(labels, first_class, class_count, seen, says):
    with pytest.raises(LabelsError) as flaw:
        checked(labels, first_class, class_count, seen)

    assert says in str(flaw.value)
    assert "--labels" in str(flaw.value)
