"""vedette.plates: what training and the demo both rely on."""

import subprocess
import sys

import numpy as np
import pytest

from vedette.plates import LABELS, Plate, render_plate

WIDTH_PX, HEIGHT_PX = 321, 243


@pytest.fixture(scope="module")
def plates() -> list[Plate]:
    return [render_plate(seed, WIDTH_PX, HEIGHT_PX) for seed in range(40)]


def test_a_seed_gives_the_same_plate_again(plates: list[Plate]) -> None:
    again = render_plate(7, WIDTH_PX, HEIGHT_PX)

    assert np.array_equal(again.image, plates[7].image)
    assert np.array_equal(again.boxes, plates[7].boxes)
    assert np.array_equal(again.class_ids, plates[7].class_ids)


def test_another_seed_gives_another_plate(plates: list[Plate]) -> None:
    assert len({plate.image.tobytes() for plate in plates}) == len(plates)


def test_shapes_and_dtypes_are_as_documented(plates: list[Plate]) -> None:
    for plate in plates:
        assert plate.image.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert plate.image.dtype == np.uint8
        assert plate.boxes.shape == (len(plate.class_ids), 4)
        assert plate.boxes.dtype == np.float32
        assert plate.class_ids.dtype == np.int32


def test_boxes_lie_inside_the_image_and_have_an_area(plates: list[Plate]) -> None:
    boxes = np.concatenate([plate.boxes for plate in plates])

    assert (boxes >= 0).all()
    assert (boxes <= [WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX]).all()
    assert (boxes[:, 2] - boxes[:, 0] >= 4).all()
    assert (boxes[:, 3] - boxes[:, 1] >= 4).all()


def test_defects_never_overlap(plates: list[Plate]) -> None:
    for plate in plates:
        for i, a in enumerate(plate.boxes):
            for b in plate.boxes[i + 1 :]:
                assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def test_every_class_appears_and_so_do_plates_without_a_defect(plates: list[Plate]) -> None:
    assert {int(i) for plate in plates for i in plate.class_ids} == set(LABELS)
    assert any(len(plate.class_ids) == 0 for plate in plates)


def test_the_picture_is_neither_black_nor_burnt_out(plates: list[Plate]) -> None:
    for plate in plates:
        assert 25 < plate.image.mean() < 230


def test_a_box_holds_something_that_differs_from_its_surroundings(plates: list[Plate]) -> None:
    """Holes are black: the one class whose look is known without a detector."""
    for plate in plates:
        for box, class_id in zip(plate.boxes.astype(int), plate.class_ids, strict=True):
            if LABELS[int(class_id)] == "hole":
                hole = plate.image[box[1] : box[3], box[0] : box[2]]
                assert hole.min() < 0.6 * np.median(plate.image)


def test_a_plate_too_small_to_hold_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="64 px on each side, not 640 x 63"):
        render_plate(0, 640, 63)


def test_the_smallest_plate_renders() -> None:
    assert render_plate(0, 64, 64).image.shape == (64, 64, 3)


def test_rendering_does_not_import_tensorflow() -> None:
    code = "import sys, vedette.plates as p; p.render_plate(1, 96, 96); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
