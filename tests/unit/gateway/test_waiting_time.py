"""How long an image would wait, and what a failed one is to its caller."""

import pytest

from contract.messages import Failure, FailureCode
from producer.gateway.errors import ImageFailed, status_of
from producer.gateway.waiting_time import expected_wait_s, seconds_per_image
from tests.support.builders import spec


@pytest.mark.parametrize(
    ("before", "images", "slots", "image_s", "expected_s"),
    [(0, 1, 1, 0.5, 0.5), (60, 1, 4, 0.1, 1.6), (10, 1, 1, 1.0, 11.0), (5, 1, 0, 1.0, 6.0), (0, 5, 2, 1.0, 3.0)],
)
def test_expected_wait(before: int, images: int, slots: int, image_s: float, expected_s: float) -> None:
    assert expected_wait_s(before, slots, image_s, images) == pytest.approx(expected_s)


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
