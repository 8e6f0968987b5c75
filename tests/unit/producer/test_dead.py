"""Which dead letters a caller means."""

from typing import Any

import pytest

from producer.dead import letters_of
from producer.errors import InvalidArgument
from tests.support.builders import dead_letter

LETTERS = [dead_letter(0, "a.jpg"), dead_letter(1, "b.jpg"), dead_letter(5, "a.jpg")]


def indexes(images: Any) -> list[int]:
    return [letter.index for letter in letters_of(LETTERS, images, "job-1")]


def test_all_when_none_are_named() -> None:
    assert indexes(None) == [0, 1, 5]
    assert letters_of([], None, "job-1") == []


def test_those_that_are_named_in_the_order_of_submission() -> None:
    assert indexes(["b.jpg", "a.jpg", "b.jpg"]) == [0, 1, 5]
    assert indexes(name for name in ("a.jpg",)) == [0, 5], "both images of that name"
    assert indexes([]) == []


def test_images_without_a_dead_letter_are_named() -> None:
    with pytest.raises(InvalidArgument) as caught:
        indexes(["b.jpg", "c.jpg"])

    assert str(caught.value) == (
        "job job-1 has no dead letter of 'c.jpg'; `vedette dead list job-1` shows those that it has"
    )


def test_of_many_images_without_a_dead_letter_some_are_named() -> None:
    with pytest.raises(InvalidArgument, match=r"of '0', '1', '2', '3', '4' and 3 more; "):
        indexes([str(number) for number in range(8)])


@pytest.mark.parametrize("images", ["a.jpg", b"a.jpg", 3, [3], [None], [("a.jpg", "/a.jpg")]])
def test_what_are_no_names(images: Any) -> None:
    with pytest.raises(InvalidArgument, match="images"):
        indexes(images)
