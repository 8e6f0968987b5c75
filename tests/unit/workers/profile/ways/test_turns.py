"""workers.profile.ways.turns: how long ways are timed."""

import pytest

from workers.profile.ways.turns import TURNS_MAX, enough, images_of_a_turn


@pytest.mark.parametrize(
    ("call_s", "batch", "streams", "call_images", "images"),
    [
        (0.02, 8, 2, 1, 8),
        (0.02, 8, 2, 4, 16),
        (0.02, 1, 4, 1, 16),
        (0.02, 24, 2, 1, 24),
        (0.5, 8, 2, 1, 4),
        (0.5, 8, 2, 4, 4),
        (2.0, 8, 1, 1, 2),
        (30.0, 8, 4, 1, 8),
    ],
)
def test_the_images_of_a_turn(call_s, batch, streams, call_images, images) -> None:
    assert images_of_a_turn(call_s, batch, streams, call_images) == images


@pytest.mark.parametrize(
    ("turn_s", "is_enough"),
    [
        ([], False),
        ([1.0] * 4, False),
        ([1.0] * 5, True),
        ([0.1] * 6, False),
        ([6.0], False),
        ([6.0] * 2, True),
        ([0.001] * TURNS_MAX, True),
    ],
)
def test_turns_tell_enough(turn_s, is_enough) -> None:
    assert enough(turn_s, repeat_s=1.0) is is_enough
