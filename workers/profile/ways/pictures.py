"""What ways to run a model are compared on: drawn pictures, for there may be no others. Imports OpenCV."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

#: Of which a detector finds some hundred and fifty things.
COUNT: Final = 8
_SHAPES: Final = 14
#: A pattern this coarse has edges and gradients of every size once it is enlarged.
_GRAIN_PX: Final = 12


def pictures(width_px: int, height_px: int) -> list[npt.NDArray[np.uint8]]:
    """uint8 RGB [height, width, 3] each: cloudy grounds with noise, and on them filled shapes, rings and lines."""
    draw = np.random.default_rng(11)
    return [_picture(draw, width_px, height_px) for _ in range(COUNT)]


def _picture(draw: np.random.Generator, width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    grain = draw.integers(40, 200, (_GRAIN_PX, _GRAIN_PX, 3), dtype=np.uint8)
    ground = cv2.resize(grain, (width_px, height_px), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    ground += draw.integers(-12, 13, ground.shape, dtype=np.int16)
    picture: npt.NDArray[np.uint8] = np.clip(ground, 0, 255).astype(np.uint8)
    short_px = min(width_px, height_px)
    for number in range(_SHAPES):
        centre = (int(draw.integers(0, width_px)), int(draw.integers(0, height_px)))
        size = [max(1, int(side)) for side in draw.uniform(0.02, 0.25, 2) * short_px]
        colour = [int(value) for value in draw.integers(0, 256, 3)]
        thickness = -1 if number % 3 else max(1, short_px // 150)
        if number % 2:
            corner = (centre[0] + size[0], centre[1] + size[1])
            cv2.rectangle(picture, centre, corner, colour, thickness)
        else:
            cv2.ellipse(picture, centre, (size[0], size[1]), float(draw.uniform(0, 180)), 0, 360, colour, thickness)
    end = (int(draw.integers(0, width_px)), int(draw.integers(0, height_px)))
    cv2.line(picture, (width_px // 2, height_px // 2), end, (240, 240, 240), max(1, short_px // 300))
    return picture
