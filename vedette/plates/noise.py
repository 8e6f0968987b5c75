"""Random fields: the grain of castings, the marks of brushes, the edges of stains.

All float32 [height, width], with a mean near 0 and a spread near 1.
"""

import cv2
import numpy as np


def white(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.standard_normal((height, width), dtype=np.float32)


def clouds(rng: np.random.Generator, height: int, width: int, scale_px: float) -> np.ndarray:
    """Smooth noise whose lumps are about `scale_px` across."""
    rows = max(4, int(np.ceil(height / scale_px)) + 3)
    columns = max(4, int(np.ceil(width / scale_px)) + 3)
    coarse = white(rng, rows, columns)
    field = cv2.resize(coarse, (int(columns * scale_px) + 1, int(rows * scale_px) + 1), interpolation=cv2.INTER_CUBIC)
    top, left = int(scale_px), int(scale_px)
    return np.ascontiguousarray(field[top : top + height, left : left + width])


def grain(rng: np.random.Generator, height: int, width: int, sigma_px: float) -> np.ndarray:
    """White noise blurred by `sigma_px` and brought back to a spread of 1."""
    field: np.ndarray = cv2.GaussianBlur(white(rng, height, width), (0, 0), sigma_px)
    return field * np.float32(2.0 * np.sqrt(np.pi) * sigma_px)


def streaks(rng: np.random.Generator, height: int, width: int, length_px: int, angle_deg: float) -> np.ndarray:
    """Noise drawn out over `length_px` in one direction, as a brush or a rolling mill leaves it."""
    side = int(np.hypot(height, width)) + 2
    field = cv2.blur(white(rng, side, side), (length_px, 1)) * np.float32(np.sqrt(length_px))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle_deg, 1.0)
    turn[:, 2] += (width - side) / 2, (height - side) / 2
    size = (width, height)
    turned: np.ndarray = cv2.warpAffine(field, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return turned
