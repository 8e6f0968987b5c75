import contextlib
import resource

import pytest

from tests.support.images import (
    GOOD,
    animated,
    damaged_png,
    encode,
    jpeg_with_thumbnail,
    png_claiming,
    scene,
    with_orientation,
)
from workers.images.errors import ImageError
from workers.images.header import Header, read_header

PIXELS_MAX = 2**29
SCENE = scene(120, 90)


def refused(data: bytes, pixels_max: int = PIXELS_MAX) -> str:
    with pytest.raises(ImageError) as raised:
        read_header(data, pixels_max)
    return raised.value.failure.code


@pytest.mark.parametrize(("name", "encoder"), GOOD, ids=[name for name, _ in GOOD])
def test_format_and_size_of_every_kind(name, encoder):
    header = read_header(encoder(SCENE), PIXELS_MAX)

    kind = {"jpg": "JPEG", "jpeg": "JPEG"}.get(name.split(".")[1], name.split(".")[1].upper())
    size = (90, 120) if name.startswith("turned") else (120, 90)
    assert header == Header(kind, *size)
    assert header.pixels == 120 * 90


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_the_size_is_that_of_the_upright_image(kind, orientation):
    header = read_header(with_orientation(SCENE, kind, orientation), PIXELS_MAX)

    upright = (90, 120) if orientation in (5, 6, 7, 8) else (120, 90)
    assert (header.width_px, header.height_px) == upright


@pytest.mark.parametrize(
    "data",
    [encode(SCENE, kind) for kind in ("JPEG", "PNG", "WEBP", "GIF")]
    + [jpeg_with_thumbnail(SCENE), encode(SCENE, "JPEG", progressive=True), animated(SCENE, 255 - SCENE, "GIF")],
    ids=["jpeg", "png", "webp", "gif", "jpeg with thumbnail", "progressive jpeg", "animated gif"],
)
def test_a_file_that_was_cut_off_anywhere_is_truncated(data):
    lengths = {len(data) - cut for cut in (1, 2, 4, 8, 40, 400)} | {len(data) * part // 10 for part in range(1, 10)}
    for length in lengths | {40, 100}:
        assert refused(data[:length]) == "image_truncated", f"{length} of {len(data)} bytes"
    read_header(data, PIXELS_MAX)


def test_the_end_of_the_thumbnail_does_not_pass_for_the_end_of_the_image():
    cut = jpeg_with_thumbnail(SCENE)[:-400]

    assert b"\xff\xd9" in cut
    assert refused(cut) == "image_truncated"


def test_bytes_behind_the_image_do_no_harm():
    for kind in ("JPEG", "PNG", "WEBP"):
        assert read_header(encode(SCENE, kind) + b"\0" * 100, PIXELS_MAX).format == kind
    assert read_header(encode(SCENE, "GIF") + b"\0" * 100, PIXELS_MAX).format == "GIF"


def test_fill_bytes_between_the_markers_of_a_jpeg_are_no_damage():
    jpeg = encode(SCENE, "JPEG")

    assert read_header(jpeg[:2] + b"\xff\xff" + jpeg[2:], PIXELS_MAX).format == "JPEG"


def test_too_many_pixels_are_refused_before_any_is_decoded():
    before_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert refused(png_claiming(60_000, 60_000)) == "image_too_large"
    assert refused(encode(SCENE, "JPEG"), pixels_max=120 * 90 - 1) == "image_too_large"
    assert read_header(encode(SCENE, "JPEG"), 120 * 90).pixels == 120 * 90
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_bytes < 50 * 1024  # KiB on Linux


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (20_000, 20_000)])
def test_the_header_of_a_png_costs_no_decoding(size, monkeypatch):
    # Pillow looks for EXIF behind the pixels of a PNG, and decodes them to get there.
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda _: pytest.fail("the pixels were decoded"))

    header = read_header(png_claiming(*size), pixels_max=2**64)

    assert (header.width_px, header.height_px) == size


@pytest.mark.parametrize(
    "exif", [b"", b"garbage", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 9]
)
def test_broken_exif_does_not_make_an_image_unusable(exif):
    for kind in ("JPEG", "PNG", "WEBP"):
        header = read_header(encode(SCENE, kind, exif=b"Exif\0\0" + exif), PIXELS_MAX)
        assert (header.width_px, header.height_px) == (120, 90)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xd8",
        b"Not found\n" * 50,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"RIFF",
    ],
)
def test_what_is_no_image(data):
    assert refused(data) == "image_not_an_image"


def test_noise_is_no_image_and_raises_nothing_else():
    draw = scene(200, 200).tobytes()
    for start in range(0, 4000, 40):
        assert refused(draw[start : start + start + 1]) == "image_not_an_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_damage_anywhere_in_a_file_raises_image_errors_only(kind):
    data = encode(scene(16, 12), kind)
    for position in range(min(len(data), 300)):
        damaged = data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]
        with contextlib.suppress(ImageError):
            read_header(damaged, PIXELS_MAX)


def test_pixels_that_are_damaged_do_not_show_in_the_header():
    assert read_header(damaged_png(SCENE), PIXELS_MAX) == Header("PNG", 120, 90)
