import os

import cv2
import numpy as np
import pytest

from tests.support.images import (
    animated,
    damaged_png,
    encode,
    jpeg_with_thumbnail,
    png_16_bits,
    png_claiming,
    scene,
    with_orientation,
)
from workers.images.decode import decode_rgb
from workers.images.errors import ImageError
from workers.images.header import read_header

SCENE = scene(120, 90, seed=3)
GREY = np.repeat(SCENE[..., :1], 3, axis=2)
BILEVEL = np.where(GREY > 127, 255, 0).astype(np.uint8)
#: What EXIF orientation n says was done to the upright image: TIFF 6.0, section "Orientation".
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.fixture(autouse=True)
def _silent():
    # As workers.engine.runtime does in a slot.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def assert_alike(decoded, pixels, tolerance: float = 0):
    assert decoded.dtype == np.uint8
    assert decoded.shape == pixels.shape
    assert np.abs(decoded.astype(int) - pixels).mean() <= tolerance


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as raised:
        decode_rgb(data)
    return raised.value.failure.code


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_kinds_without_loss_come_back_exactly_red_first(kind):
    assert_alike(decode_rgb(encode(SCENE, kind)), SCENE)


@pytest.mark.parametrize(
    ("data", "pixels", "tolerance"),
    [
        (encode(SCENE, "JPEG", quality=98, subsampling=0), SCENE, 3),
        (encode(SCENE, "JPEG", quality=98, subsampling=0, progressive=True), SCENE, 3),
        (encode(SCENE, "JPEG", "CMYK", quality=98, subsampling=0), SCENE, 4),
        (encode(GREY, "JPEG", "L", quality=98), GREY, 2),
        (encode(GREY, "PNG", "L"), GREY, 0),
        (encode(GREY, "PNG", "LA"), GREY, 0),
        (encode(SCENE, "PNG", "RGBA"), SCENE, 0),
        (encode(BILEVEL, "PNG", "1"), BILEVEL, 0),
        (encode(SCENE, "PNG", "P"), SCENE, 16),
        (png_16_bits(SCENE), GREY, 1),
        (encode(SCENE, "WEBP", lossless=True), SCENE, 0),
        (encode(SCENE, "GIF"), SCENE, 12),
        (jpeg_with_thumbnail(SCENE), SCENE, 3),
    ],
    ids=[
        *("jpeg", "progressive", "cmyk", "grey-jpeg", "grey-png", "grey-alpha", "alpha", "bilevel", "palette"),
        *("16-bit", "webp", "gif", "thumbnail"),
    ],
)
def test_every_kind_becomes_rgb_of_8_bits(data, pixels, tolerance):
    assert_alike(decode_rgb(data), pixels, tolerance)


def test_transparent_pixels_keep_their_colour():
    transparent = np.dstack([SCENE, np.zeros(SCENE.shape[:2], np.uint8)])

    assert_alike(decode_rgb(encode(transparent, "PNG", "RGBA")), SCENE)


@pytest.mark.parametrize(("kind", "tolerance"), [("GIF", 12), ("WEBP", 0)])
def test_an_animation_counts_as_its_first_frame(kind, tolerance):
    assert_alike(decode_rgb(animated(SCENE, 255 - SCENE, kind)), SCENE, tolerance)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_images_come_out_upright_in_the_size_that_the_header_said(kind, orientation):
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = with_orientation(np.ascontiguousarray(STORED[orientation](SCENE)), kind, orientation, **options)

    decoded = decode_rgb(data)

    assert_alike(decoded, SCENE, 3 if kind == "JPEG" else 0)
    header = read_header(data, 2**29)
    assert (header.height_px, header.width_px) == decoded.shape[:2]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_a_file_that_was_cut_off_is_refused_and_never_half_grey(kind):
    data = encode(SCENE, kind)
    for part in (0.01, 0.1, 0.5, 0.9, 0.99):
        assert refused(data[: int(len(data) * part)]) == "image_unreadable", f"{part:.0%} of it"


@pytest.mark.parametrize(
    "data",
    [b"", b"Not found", os.urandom(2000), damaged_png(SCENE), png_claiming(60_000, 60_000), png_claiming(0, 10)],
    ids=["empty", "text", "noise", "damaged", "huge", "no width"],
)
def test_what_cannot_be_decoded_is_the_images_failure(data):
    assert refused(data) == "image_unreadable"


def test_memory_that_runs_out_is_no_fault_of_the_image(monkeypatch):
    # With OpenCV's own error: an allocation that no machine can grant, made through its smallest function.
    with pytest.raises(cv2.error) as no_memory:
        cv2.resize(np.zeros((1, 1, 3), np.uint8), (2**31 - 1, 2**20), interpolation=cv2.INTER_NEAREST)
    assert no_memory.value.code == cv2.Error.StsNoMem

    def out_of_memory(*_):
        raise no_memory.value

    monkeypatch.setattr(cv2, "imdecode", out_of_memory)

    with pytest.raises(cv2.error):
        decode_rgb(encode(SCENE, "PNG"))
