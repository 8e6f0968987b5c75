"""How long an image would wait, and what a failed one is to its caller."""

import pytest

from contract.messages import Failure, FailureCode
from producer.gateway.errors import ImageFailed, status_of
from producer.gateway.waiting_time import expected_wait_s, seconds_per_image
from tests.support.builders import spec


@pytest.mark.parametrize(
    ("queued", "on_the_way", "slots", "image_s", "images_per_s", "images", "expected_s"),
    [
        # by the profile alone
        (0, 0, 1, 0.5, None, 1, 0.5),
        (60, 0, 4, 0.1, None, 1, 1.6),
        (10, 0, 1, 1.0, None, 1, 11.0),
        (5, 0, 0, 1.0, None, 1, 6.0),
        (0, 0, 2, 1.0, None, 5, 3.0),
        (10, 20, 1, 1.0, None, 1, 21.0),  # what is on the way may not be queued yet
        # the fleet is slower than its profile
        (60, 60, 4, 0.1, 10.0, 1, 1.25 * 6.1),
        (0, 99, 1, 0.01, 20.0, 1, 1.25 * 5.0),
        (0, 5, 2, 0.01, 0.1, 1, 1.25 * 60.0),
        # others have queued more than the pace knows of
        (900, 10, 1, 0.1, 10.0, 1, 90.1),
        # few on the way: somebody has to find out whether it is still slow
        (0, 4, 2, 0.01, 0.1, 1, 0.03),
        (0, 0, 1, 0.5, 0.1, 1, 0.5),
        # never measured
        (60, 60, 4, None, 10.0, 1, 1.25 * 6.1),
        (60, 60, 4, None, None, 1, 0.0),
    ],
)
def test_expected_wait(
    queued: int,
    on_the_way: int,
    slots: int,
    image_s: float | None,
    images_per_s: float | None,
    images: int,
    expected_s: float,
) -> None:
    told_s = expected_wait_s(queued, on_the_way, slots, image_s, images_per_s, images)

    assert told_s == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("throughput", "expected_s"),
    [
        ({}, None),
        ({"default_batch": 4, "images_per_s": {"1": 2.0, "4": 5.0}}, 0.2),
        ({"default_batch": 8, "images_per_s": {"1": 2.0, "4": 5.0}}, 0.2),
        ({"default_batch": 8, "images_per_s": {"8": 0.0}}, None),
    ],
)
def test_seconds_per_image(throughput: dict[str, object], expected_s: float | None) -> None:
    assert seconds_per_image(spec(throughput=throughput)) == expected_s


@pytest.mark.parametrize(("code", "status"), [("image_missing", 422), ("image_too_large", 422), ("memory", 502)])
def test_a_failed_image(code: FailureCode, status: int) -> None:
    assert status_of(ImageFailed(Failure(code=code, message="…"))) == status
