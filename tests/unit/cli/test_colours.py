"""Colours that are seen on any background."""

import itertools

import pytest

from vedette.colours import BLACK, CONTRAST, Colour, class_colour, contrast

CLASSES = range(91)
#: From black to white in steps of 17 of each part: 4096 colours.
BACKGROUNDS: list[Colour] = [*itertools.product(range(0, 256, 17), repeat=3)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((90, 90, 90), (90, 90, 90), 1.0),
        ((255, 255, 255), (118, 118, 118), 4.54),  # the lightest grey that text on white may have
        ((0, 0, 255), (255, 255, 255), 4.0),  # red, for these are blue, green, red
        ((255, 0, 0), (255, 255, 255), 8.59),
    ],
)
def test_contrast(one: Colour, other: Colour, expected: float) -> None:
    assert contrast(one, other) == pytest.approx(expected, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


def test_classes_differ_and_stay_what_they_are() -> None:
    assert len({class_colour(class_id) for class_id in CLASSES}) == len(CLASSES)
    assert class_colour(3) == class_colour(3)


@pytest.mark.parametrize("class_id", CLASSES)
def test_a_label_is_read_on_its_patch(class_id: int) -> None:
    assert contrast(class_colour(class_id), BLACK) >= CONTRAST


@pytest.mark.parametrize("class_id", range(12))  # their hues go round the circle
def test_a_box_or_its_rim_is_seen_on_any_background(class_id: int) -> None:
    colour = class_colour(class_id)

    faintest = min(max(contrast(colour, background), contrast(BLACK, background)) for background in BACKGROUNDS)

    assert faintest >= 3
