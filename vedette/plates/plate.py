"""What a rendered plate is: the picture, and the truth about it."""

from dataclasses import dataclass

import numpy as np

SCRATCH, DENT, HOLE, STAIN = 1, 2, 3, 4

LABELS: dict[int, str] = {SCRATCH: "scratch", DENT: "dent", HOLE: "hole", STAIN: "stain"}
"""Class id (1-based, as the TensorFlow Object Detection API counts) -> name."""


@dataclass(frozen=True)
class Plate:
    """One plate.

    image      uint8 [height_px, width_px, 3], blue-green-red as OpenCV keeps it.
    boxes      float32 [n, 4], x_min, y_min, x_max, y_max in pixels; x_max and y_max are exclusive; inside the image.
    class_ids  int32 [n], keys of LABELS, in the order of `boxes`. n = 0 is a plate without a defect.
    """

    image: np.ndarray
    boxes: np.ndarray
    class_ids: np.ndarray
