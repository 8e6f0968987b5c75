"""Where an image lies in what the model was fed, and boxes back from there. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from contract.model_io import BoxOrder, BoxUnits

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Geometry:
    """Height before width, in pixels. An image fills `content_px` of `fed_px`, from `offset_px` on."""

    fed_px: tuple[int, int]
    content_px: tuple[int, int]
    offset_px: tuple[int, int] = (0, 0)

    @property
    def fills(self) -> bool:
        """No padding, so that a fraction of what was fed is the same fraction of the image."""
        return self.content_px == self.fed_px

    def to_image(self, boxes: Floats, units: BoxUnits) -> Floats:
        """Boxes [..., 4] y_min, x_min, y_max, x_max of what was fed, as fractions of the image. May lie outside it."""
        if units == "pixel":
            boxes = np.divide(boxes, np.array(self.fed_px * 2, np.float32), dtype=np.float32)
        if self.fills:
            return boxes
        fed = np.array(self.fed_px * 2, np.float32)
        offset, content = (np.array(side_px * 2, np.float32) for side_px in (self.offset_px, self.content_px))
        return ((boxes * fed - offset) / content).astype(np.float32)


def fitted(
    height_px: int,
    width_px: int,
    size_px: tuple[int, int] | None,
    fit: Literal["stretch", "letterbox", "letterbox_centred"],
) -> Geometry:
    """How an image of that size is brought to `size_px` (height, width); None leaves it as it is."""
    if size_px is None or fit == "stretch":
        fed_px = size_px or (height_px, width_px)
        return Geometry(fed_px, fed_px)
    scale = min(size_px[0] / height_px, size_px[1] / width_px)
    content = max(1, round(height_px * scale)), max(1, round(width_px * scale))
    centred = fit == "letterbox_centred"
    offset = ((size_px[0] - content[0]) // 2, (size_px[1] - content[1]) // 2) if centred else (0, 0)
    return Geometry(size_px, content, offset)


def corners(boxes: Floats, order: BoxOrder) -> Floats:
    """Boxes [..., 4] in `order` as y_min, x_min, y_max, x_max."""
    if order == "yxyx":
        return boxes
    a, b, c, d = np.moveaxis(boxes, -1, 0)
    match order:
        case "xyxy":
            parts = b, a, d, c
        case "xywh":
            parts = b, a, b + d, a + c
        case "cxcywh":
            parts = b - d / 2, a - c / 2, b + d / 2, a + c / 2
    return np.stack(parts, axis=-1)
