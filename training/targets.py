"""What the network should answer for a view. Pure numpy.

Centre heatmap as in CenterNet (arXiv:1904.07850), with a Gaussian stretched like the box as in TTFNet
(arXiv:1909.00700): along a scratch the middle is less certain than across it.
"""

from dataclasses import dataclass

import numpy as np

from training.net import CLASSES, STRIDE
from training.views import View


@dataclass(frozen=True)
class Targets:
    """heat    float32 [H/4, W/4, 4]: 1 in the middle cell of each defect, falling off around it.
    care    float32 [H/4, W/4, 1]: 0 where a defect is cut off, so no answer is wrong there.
    boxes   float32 [H/4, W/4, 4]: x_min, y_min, x_max, y_max in pixels, meaningful where `weight` > 0.
    weight  float32 [H/4, W/4]: how much the cell's box counts; each defect's weights sum to 1.
    """

    heat: np.ndarray
    care: np.ndarray
    boxes: np.ndarray
    weight: np.ndarray


def targets_of(view: View) -> Targets:
    rows, columns = view.image.shape[0] // STRIDE, view.image.shape[1] // STRIDE
    heat = np.zeros((rows, columns, CLASSES), np.float32)
    care = np.ones((rows, columns, 1), np.float32)
    boxes = np.zeros((rows, columns, 4), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    ys, xs = np.ogrid[:rows, :columns]
    for box, class_id in zip(view.boxes, view.class_ids, strict=True):
        x_min, y_min, x_max, y_max = box / STRIDE
        inside = (xs + 0.5 > x_min) & (xs + 0.5 < x_max) & (ys + 0.5 > y_min) & (ys + 0.5 < y_max)
        if class_id == 0:
            care[inside] = 0
            continue
        column = min(int((x_min + x_max) / 2), columns - 1)
        row = min(int((y_min + y_max) / 2), rows - 1)
        bump = _gauss(xs - column, x_max - x_min) * _gauss(ys - row, y_max - y_min)
        heat[..., class_id - 1] = np.maximum(heat[..., class_id - 1], bump)
        share = np.where((bump > 0.3) & inside, bump, 0)
        share[row, column] = 1
        share /= share.sum()
        mine = share > weight
        boxes[mine] = box
        weight = np.maximum(weight, share)
    return Targets(heat, care, boxes, weight)


def _gauss(distance: np.ndarray, side: float) -> np.ndarray:
    """Spread of a tenth of the side, at least 0.4 cells."""
    return np.exp(-(distance**2) / (2 * max(0.4, 0.1 * side) ** 2)).astype(np.float32)
