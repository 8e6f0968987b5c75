import pytest

from contract.messages import ImageRef
from contract.model_io import Signature
from workers.batches import Readable
from workers.sight import divisor, seen_by

ANY_SIZE = Signature()
INSIDE = Signature(resizes_to_px=320)
LETTERBOX = Signature(size_px=(640, 640), fit="letterbox")
STRETCH = Signature(size_px=(640, 640))


@pytest.mark.parametrize(
    ("signature", "size_px", "expected"),
    [
        (ANY_SIZE, (4000, 3000), 1),
        (INSIDE, (8064, 6048), 8),
        (INSIDE, (4000, 3000), 4),
        (INSIDE, (3000, 4000), 4),
        (INSIDE, (1280, 960), 1),
        (INSIDE, (1920, 1280), 2),
        # a last row or column of which only a part is the image's
        (INSIDE, (4000, 3002), 2),
        (INSIDE, (4001, 3000), 1),
        # 1000 × 500 are left of a panorama: less than twice 320 of its height, were it stretched
        (INSIDE, (4000, 2000), 2),
        (LETTERBOX, (4000, 3000), 2),
        (LETTERBOX, (16000, 12000), 8),
        (LETTERBOX, (640, 640), 1),
        (STRETCH, (4000, 3000), 2),
        (STRETCH, (4000, 2000), 1),
    ],
)
def test_an_image_is_decoded_as_coarsely_as_the_model_does_not_see(signature, size_px, expected):
    assert divisor(signature, *size_px) == expected


def readable(image_format, **fields):
    return Readable(ImageRef(index=0, name="a", uri="/a", **fields), 4000, 3000, image_format)


@pytest.mark.parametrize(("image_format", "expected"), [("JPEG", 4), ("PNG", 1), ("WEBP", 1), ("", 1)])
def test_only_a_jpeg_is_decoded_coarsely(image_format, expected):
    (seen,) = seen_by(INSIDE, [readable(image_format)])

    assert (seen.decoded_by, seen.megapixels) == (expected, 12 / expected**2)


@pytest.mark.parametrize(("shrink", "expected"), [(1, 4), (2, 8), (4, 8)])
def test_an_image_that_must_be_coarser_still_is(shrink, expected):
    (seen,) = seen_by(INSIDE, [readable("JPEG", shrink=shrink)])

    assert seen.decoded_by == expected
