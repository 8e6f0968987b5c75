import sys

import pytest

from contract.messages import Failure, ImageResult
from producer.given import Given

GOOD = ImageResult(image="a", model="m@1", detections=[], batch_size=1, attempts=1)
BAD = ImageResult(image="a", model="m@1", failure=Failure(code="image_empty", message=""), attempts=1)
DEAD = ImageResult(image="a", model="m@1", failure=Failure(code="crash", message=""), attempts=1)


@pytest.mark.parametrize(
    ("before", "now", "again", "taken"),
    [
        (None, GOOD, False, True),
        (None, DEAD, False, True),
        (None, GOOD, True, True),
        (None, DEAD, True, True),
        # Done again after a failover, or read again.
        (GOOD, GOOD, False, False),
        (BAD, BAD, False, False),
        (GOOD, GOOD, True, False),
        (GOOD, DEAD, False, False),
        (DEAD, DEAD, True, False),
        # Put back by somebody: it comes again, with its new result.
        (DEAD, GOOD, False, True),
        (DEAD, DEAD, False, True),
        (DEAD, GOOD, True, True),
    ],
)
def test_each_image_is_given_once_unless_it_was_put_back(before, now, again, taken):
    assert now.dead == (now is DEAD)
    given = Given()
    if before is not None:
        assert given.take(7, before, again=False)

    assert given.take(7, now, again=again) is taken
    assert given.count == 1


def test_a_put_back_image_is_given_once_more_only():
    given = Given()

    assert [given.take(0, result, again=False) for result in (DEAD, GOOD, GOOD, DEAD)] == [True, True, False, False]


def test_images_are_told_apart():
    given = Given()
    for index in (0, 7, 8, 1000):
        given.note(index, dead=False)

    assert given.count == 4
    assert not given.take(1000, GOOD, again=False)
    assert given.take(999, GOOD, again=False)
    assert given.take(5000, GOOD, again=False)


def test_a_million_images_take_no_more_than_a_megabyte():
    given = Given()
    for index in range(1_000_000):
        given.note(index, dead=index % 2 == 0)

    assert given.count == 1_000_000
    assert sum(sys.getsizeof(kept._bits) for kept in (given._images, given._dead)) < 1_000_000
