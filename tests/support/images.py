"""Image files of every kind that arrives in practice, good and bad, drawn from a seed.

The good ones show a bright rectangle on a dark, noisy ground: what `tests.support.tiny_model` finds.
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence

from contract.messages import FailureCode

Pixels = npt.NDArray[np.uint8]

ORIENTATION_TAG: Final = 0x0112


def scene(width: int = 64, height: int = 48, seed: int = 0) -> Pixels:
    """uint8 RGB [height, width, 3], between 20 and 60 but in one rectangle of 255."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(20, 60, (height, width, 3), dtype=np.uint8)
    left, top = int(draw.integers(0, width // 2)), int(draw.integers(0, height // 2))
    pixels[top : top + height // 3, left : left + width // 3] = 255
    return pixels


def encode(pixels: Pixels, kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """`pixels` as a file of Pillow's format `kind`, converted to Pillow's `mode` first."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def with_orientation(pixels: Pixels, kind: str, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return encode(pixels, kind, exif=exif, **options)


def png_16_bits(pixels: Pixels) -> bytes:
    """A grey PNG of 16 bits, whose high bytes are the red channel of `pixels`."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(file, "PNG")
    return file.getvalue()


def animated(first: Pixels, second: Pixels, kind: str) -> bytes:
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    frames = [Image.fromarray(first), Image.fromarray(second)]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100, **options)
    with Image.open(io.BytesIO(file.getvalue())) as written:
        assert len(list(ImageSequence.Iterator(written))) == 2
    return file.getvalue()


def jpeg_with_thumbnail(pixels: Pixels) -> bytes:
    """A JPEG that carries a whole small JPEG, end marker included, in its EXIF segment, as cameras write it."""
    thumbnail = encode(pixels[::4, ::4], "JPEG")
    offset = 8 + 2 + 2 * 12 + 4 + 2 + 4  # of the thumbnail in the TIFF block: header, empty IFD0, IFD1 of two entries
    tiff = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<HI", 0, 14)
    tiff += struct.pack("<H", 2) + struct.pack("<HHII", 0x0201, 4, 1, offset)
    tiff += struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail)) + struct.pack("<I", 0)
    assert len(tiff) == offset
    segment = b"Exif\0\0" + tiff + thumbnail
    jpeg = encode(pixels, "JPEG", quality=98, subsampling=0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def png_claiming(width: int, height: int) -> bytes:
    """A small, well-formed PNG whose header claims any size: a decompression bomb's outside."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def damaged_png(pixels: Pixels) -> bytes:
    """Complete by its chunks, but its compressed pixels are noise."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"\x55" * 400), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


#: File ending and encoder of each good kind.
GOOD: Final[tuple[tuple[str, Callable[[Pixels], bytes]], ...]] = (
    ("plain.jpg", lambda pixels: encode(pixels, "JPEG", quality=90)),
    ("progressive.jpg", lambda pixels: encode(pixels, "JPEG", progressive=True)),
    ("grey.jpg", lambda pixels: encode(pixels, "JPEG", "L")),
    ("cmyk.jpg", lambda pixels: encode(pixels, "JPEG", "CMYK")),
    ("turned.jpg", lambda pixels: with_orientation(pixels, "JPEG", 6)),
    ("thumbnail.jpeg", jpeg_with_thumbnail),
    ("plain.png", lambda pixels: encode(pixels, "PNG")),
    ("grey.png", lambda pixels: encode(pixels, "PNG", "L")),
    ("alpha.png", lambda pixels: encode(pixels, "PNG", "RGBA")),
    ("palette.png", lambda pixels: encode(pixels, "PNG", "P")),
    ("16bit.png", png_16_bits),
    ("plain.webp", lambda pixels: encode(pixels, "WEBP")),
    ("animated.webp", lambda pixels: animated(pixels, 255 - pixels, "WEBP")),
    ("plain.gif", lambda pixels: encode(pixels, "GIF")),
    ("animated.gif", lambda pixels: animated(pixels, 255 - pixels, "GIF")),
    ("plain.bmp", lambda pixels: encode(pixels, "BMP")),
    ("plain.tiff", lambda pixels: encode(pixels, "TIFF")),
)
_SIZES: Final = ((64, 48), (48, 64), (100, 70), (33, 17))


def write_mixed_folder(folder: Path, outside: Path, count: int = 200) -> dict[Path, FailureCode | None]:
    """`count` images in `folder`, 12 of them bad; each path with its failure's code. Workers may not read `outside`."""
    folder.mkdir(parents=True)
    expected: dict[Path, FailureCode | None] = dict(_bad_ones(folder, outside))
    for number in range(count - len(expected)):
        ending, encoder = GOOD[number % len(GOOD)]
        path = folder / f"{number:03}-{ending}"
        path.write_bytes(encoder(scene(*_SIZES[number % len(_SIZES)], seed=number)))
        expected[path] = None
    # The bad ones among the good, so that they share tasks and batches with them.
    return dict(sorted(expected.items(), key=lambda item: item[0].name))


def _bad_ones(root: Path, outside: Path) -> dict[Path, FailureCode]:
    pixels = scene(120, 90)
    files: dict[str, tuple[bytes, FailureCode]] = {
        "010-empty.jpg": (b"", "image_empty"),
        "020-text.jpg": (b"Not found: the camera was offline\n" * 20, "image_not_an_image"),
        "030-noise.png": (np.random.default_rng(1).bytes(3000), "image_not_an_image"),
        "040-cut.jpg": (encode(pixels, "JPEG")[:-400], "image_truncated"),
        "050-cut-behind-thumbnail.jpg": (jpeg_with_thumbnail(pixels)[:-400], "image_truncated"),
        "060-cut.png": (encode(pixels, "PNG")[:-400], "image_truncated"),
        "070-cut.webp": (encode(pixels, "WEBP")[:-400], "image_truncated"),
        "080-huge.png": (png_claiming(60_000, 60_000), "image_too_large"),
        "090-damaged.png": (damaged_png(pixels), "image_unreadable"),
    }
    expected: dict[Path, FailureCode] = {}
    for name, (data, code) in files.items():
        (root / name).write_bytes(data)
        expected[root / name] = code
    expected[root / "100-missing.jpg"] = "image_missing"
    (root / "110-folder.jpg").mkdir()
    expected[root / "110-folder.jpg"] = "image_unreadable"
    (outside / "private.png").write_bytes(encode(pixels, "PNG"))
    (root / "120-link-out.png").symlink_to(outside / "private.png")
    expected[root / "120-link-out.png"] = "image_forbidden"
    return expected
