"""What an image's header says, before any of its pixels is decoded. Pillow reads it; OpenCV decodes later."""

import io
import warnings
from dataclasses import dataclass
from typing import Final

import PIL.Image

from workers.images.errors import ImageError

#: Pillow's own guard warns and raises at sizes of its own; ours is the setting image_pixels_max.
PIL.Image.MAX_IMAGE_PIXELS = None

#: Formats that OpenCV decodes too.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
_ORIENTATION_TAG: Final = 0x0112
#: EXIF orientations that lay the image on its side.
_TRANSPOSING: Final = (5, 6, 7, 8)
_EOI: Final = b"\xff\xd9"


@dataclass(frozen=True)
class Header:
    """Size in pixels of the upright image (EXIF orientation applied)."""

    format: str
    width_px: int
    height_px: int

    @property
    def pixels(self) -> int:
        return self.width_px * self.height_px


def read_header(data: bytes, pixels_max: int) -> Header:
    """The header of an encoded image; ImageError for what is no image, has too many pixels, or ends too early."""
    cut_off = _is_cut_off(data)
    try:
        with warnings.catch_warnings(action="ignore"), PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
            kind = image.format or "unknown"
            width_px, height_px = image.size
            on_its_side = _is_on_its_side(image)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds for a broken header
        if cut_off:
            raise _truncated(data) from None
        if isinstance(error, PIL.UnidentifiedImageError):
            raise ImageError("image_not_an_image", f"not an image in a known format ({', '.join(FORMATS)})") from None
        raise ImageError("image_unreadable", f"broken image header: {error}") from None
    if width_px * height_px > pixels_max:
        raise ImageError(
            "image_too_large",
            f"{width_px}×{height_px} = {width_px * height_px} pixels, the limit is {pixels_max} "
            "(VEDETTE_IMAGE_PIXELS_MAX)",
        )
    if cut_off:
        raise _truncated(data)
    if on_its_side:
        width_px, height_px = height_px, width_px
    return Header(kind, width_px, height_px)


def _truncated(data: bytes) -> ImageError:
    return ImageError("image_truncated", f"the file ends before its image does ({len(data)} bytes)")


def _is_on_its_side(image: PIL.Image.Image) -> bool:
    """By EXIF, which neither makes an image unusable when it is broken nor is worth decoding pixels for."""
    if image.format == "TIFF":
        return False  # Pillow gives the upright size
    if image.format == "PNG" and "exif" not in image.info:
        return False  # Pillow would decode the whole image in search of a chunk behind it
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1) in _TRANSPOSING
    except Exception:  # as many kinds as there are ways to break a TIFF directory
        return False


def _is_cut_off(data: bytes) -> bool:
    """Whether the end marker is missing. OpenCV would fill the rest with grey and say nothing, or call it damaged."""
    if data.startswith(b"\xff\xd8\xff"):  # JPEG
        return data.rfind(_EOI, _scan_start(data)) < 0  # from the end: that is where it is
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        end = data.rfind(b"IEND")
        return end < 0 or len(data) < end + 8  # its checksum follows
    if data.startswith((b"GIF87a", b"GIF89a")):
        return not data.rstrip(b"\0").endswith(b";")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    return False


def _scan_start(data: bytes) -> int:
    """Offset of a JPEG's first scan; its EXIF thumbnail, which has an end marker of its own, lies before it.

    Where the markers break off or are damaged, that offset. Marker layout: ITU-T T.81, annex B.
    """
    offset = 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xDA:  # start of scan
            break
        # A fill byte stands alone; a segment says its length.
        offset += 1 if marker == 0xFF else 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
    return offset
