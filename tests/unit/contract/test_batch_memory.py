"""contract.batch_memory: what a batch takes, and how large a batch a slot holds."""

import pytest

from contract.batch_memory import fed, largest_batch, peak_bytes, waiting_bytes
from contract.memory import GIB, MIB
from contract.model_spec import Memory
from tests.support.builders import spec

MB = 1_000_000
MEMORY = Memory(base_bytes=200 * MB, per_image_bytes=10 * MB, per_megapixel_bytes=40 * MB)


@pytest.mark.parametrize(
    ("batch", "images", "expected"), [("dynamic", 8, 8), ("one", 8, 1), (4, 8, 4), (4, 1, 4), ("one", 1, 1)]
)
def test_how_many_images_a_call_is_fed(batch, images, expected) -> None:
    assert fed(batch, images) == expected


@pytest.mark.parametrize(
    ("batch", "images", "megapixels", "expected_mb"),
    [
        ("dynamic", 8, 2.0, 200 + 8 * (10 + 80)),
        ("one", 8, 2.0, 200 + (10 + 80) + 7 * 12),
        (4, 8, 2.0, 200 + 4 * (10 + 80) + 4 * 12),
        (4, 1, 2.0, 200 + 4 * (10 + 80)),
    ],
)
def test_a_batch_takes_its_call_and_the_pixels_that_wait(batch, images, megapixels, expected_mb) -> None:
    assert peak_bytes(MEMORY, batch, images, megapixels) == expected_mb * MB
    assert waiting_bytes("dynamic", images, megapixels) == 0


@pytest.mark.parametrize(
    ("slot_bytes", "batch", "expected"),
    [
        pytest.param(300 * MIB, "dynamic", 0, id="not even one"),
        pytest.param(int(321 * MIB * 1.15) + 1, "dynamic", 1, id="one, with the margin"),
        pytest.param(2 * GIB, "dynamic", 64, id="no more than was asked"),
        pytest.param(GIB, "dynamic", 28, id="1 GiB less the margin is 890 MiB: 300 and 28 of 21"),
        pytest.param(GIB, "one", 64, id="waiting images cost their pixels only"),
    ],
)
def test_the_largest_batch_of_a_slot(slot_bytes, batch, expected) -> None:
    model = spec(base="300m", per_image="20m", per_megapixel_bytes=MIB, signature={"batch": batch})

    assert largest_batch(model, slot_bytes, megapixels=1.0, most=64) == expected
