"""The plate while it is being made: what colour it is, how high it stands, and where there is still room.

Colour and height are kept apart until the light falls on them (light.py), so that a dent, a rivet and an engraved line
are shaded by the same lamp and only the sense of the slope tells a dent from a rivet.
"""

from dataclasses import dataclass, field

import numpy as np

Box = tuple[int, int, int, int]
"""x_min, y_min, x_max, y_max in pixels, maximum exclusive."""


@dataclass
class Canvas:
    """albedo  float32 [H, W, 3], BGR, 0..1: the share of the light that comes back.
    height  float32 [H, W]: a slope of 1 turned to the lamp doubles the light, so a slope is also a contrast.
    gloss   0..1, how strongly lamps and windows are mirrored.
    inside  the part of the picture that is plate, not table.
    taken   where something already is; defects never overlap, else the truth would be a matter of opinion.
    """

    albedo: np.ndarray
    height: np.ndarray
    gloss: float
    inside: Box
    taken: list[Box] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        return self.height.shape[0], self.height.shape[1]

    def find_room(self, rng: np.random.Generator, width: int, height: int, margin: int = 8) -> tuple[int, int] | None:
        """Top left corner of a free width x height rectangle, taken from then on; None when forty tries found none."""
        x_min, y_min, x_max, y_max = self.inside
        if width + 2 > x_max - x_min or height + 2 > y_max - y_min:
            return None
        for _ in range(40):
            x = int(rng.integers(x_min + 1, x_max - width))
            y = int(rng.integers(y_min + 1, y_max - height))
            box = (x, y, x + width, y + height)
            if not any(_touch(box, other, margin) for other in self.taken):
                self.taken.append(box)
                return x, y
        return None

    def paint(self, x: int, y: int, mask: np.ndarray, colour: np.ndarray) -> None:
        """Blend `colour` (BGR, or [h, w, 3]) into the albedo at (x, y) with the weights of `mask` float32 [h, w]."""
        h, w = mask.shape
        patch = self.albedo[y : y + h, x : x + w]
        patch += mask[..., None] * (colour - patch)

    def raise_by(self, x: int, y: int, height: np.ndarray) -> None:
        """Add `height` float32 [h, w] at (x, y); negative sinks."""
        h, w = height.shape
        self.height[y : y + h, x : x + w] += height


def _touch(a: Box, b: Box, margin: int) -> bool:
    return a[0] < b[2] + margin and b[0] < a[2] + margin and a[1] < b[3] + margin and b[1] < a[3] + margin
