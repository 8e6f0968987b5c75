"""JPEG files for benchmarks: rendered plates enlarged to what cameras make, from a seed, so nobody downloads any."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2

from training.plates import held_out
from vedette.plates import render_plate

#: Width and height: 0.3, 1.2, 2.8, 7 and 12 megapixels.
MIXED_PX: Final = ((640, 480), (1280, 960), (1920, 1440), (3072, 2304), (4000, 3000))
LARGE_PX: Final = ((4000, 3000),)
SMALL_PX: Final = ((640, 480),)
QUALITY: Final = 92
_PLATES: Final = 4


def write_photographs(folder: Path, count: int, sizes_px: Sequence[tuple[int, int]]) -> list[Path]:
    """`count` files, the sizes in turn, as a folder of several cameras has them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, data in zip(range(count), _cycle(sizes_px), strict=False):
        paths.append(folder / f"photograph-{number:03}.jpg")
        paths[-1].write_bytes(data)
    return paths


def _cycle(sizes_px: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The few that differ, again and again: to a decoder and a model every file is new."""
    plates = [render_plate(seed, 960, 720).image for seed in held_out(0, _PLATES)]
    files = []
    for plate in plates:
        for size_px in sizes_px:
            enlarged = cv2.resize(plate, size_px, interpolation=cv2.INTER_CUBIC)
            files.append(cv2.imencode(".jpg", enlarged, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes())
    while True:
        yield from files
