"""Which colours boxes and labels are drawn in, so that they are seen on any background. Pure.

A class has a bright colour with a black rim. Of two colours whose contrast is c, one or the other has a contrast of at
least √c with any third: at 9:1 that is 3:1, which WCAG 2.2 asks of lines, https://www.w3.org/TR/WCAG22/#non-text-contrast;
text on its own patch of colour has the 9:1, where 4.5:1 are asked for.
"""

import colorsys
from typing import Final, TypeAlias

#: Blue, green, red, each 0 to 255: OpenCV's order.
Colour: TypeAlias = tuple[int, int, int]
BLACK: Final[Colour] = (0, 0, 0)

#: Of a class's colour with black.
CONTRAST: Final = 9.0
#: Neighbouring class ids get hues this part of the circle apart: the golden ratio never comes near a hue twice.
_HUE_STEP: Final = 0.618034
_SATURATION: Final = 0.85
_PALER: Final = 0.01


def class_colour(class_id: int) -> Colour:
    """The same bright colour for a class wherever it is drawn, and another for its neighbours.

    Blues and reds, which are dark, are made paler until they stand out from black.
    """
    saturation = _SATURATION
    while contrast(colour := _of_hue(class_id * _HUE_STEP % 1, saturation), BLACK) < CONTRAST:
        saturation -= _PALER
    return colour


def contrast(one: Colour, other: Colour) -> float:
    """1 (the same) to 21 (black and white), https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _of_hue(hue: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 1.0)
    return round(blue * 255), round(green * 255), round(red * 255)


def _luminance(colour: Colour) -> float:
    """0 to 1, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    blue, green, red = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
