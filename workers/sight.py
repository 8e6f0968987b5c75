"""How coarsely an image may be decoded because its model sees no more of it anyway. Pure.

A model that brings every image to 320 pixels throws away nearly all of a photograph of 12 megapixels. libjpeg decodes
at a half, a quarter or an eighth of each side by leaving out the fine coefficients of the transform, which costs a part
of the time and a sixty-fourth of the memory, and averages where the model's resizer would have picked single pixels.
Other formats have no such short cut: OpenCV decodes them as a whole and makes them smaller after that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from contract.model_io import Signature
from workers.batches import Divisor, Readable
from workers.engine.geometry import fitted

#: Formats that can be decoded coarsely, as Pillow names them.
COARSELY: Final = frozenset({"JPEG"})
_DIVISORS: Final[tuple[Divisor, ...]] = (8, 4, 2)
#: What is left has so many times the pixels that the resizer makes of it, on the side where it has most of them, and on
#: the other one. With them `defects-small` finds on plates of 12 megapixels what it finds without, every box with an
#: IoU of at least 0.95; with half as many, every tenth box moves further: `python -m benchmarks.coarse`.
SPARE, SPARE_LEAST = 3, 2


def seen_by(signature: Signature, images: Iterable[Readable]) -> Iterator[Readable]:
    """The images as they are to be decoded for a model of that signature."""
    for image in images:
        coarse = divisor(signature, image.width_px, image.height_px) if image.format in COARSELY else 1
        yield replace(image, divisor=coarse)


def divisor(signature: Signature, width_px: int, height_px: int) -> Divisor:
    """By what both sides may be divided so that what is left is ample for the model's resizer.

    Only by what divides both sides: where a last row or column would be cut or filled up, boxes move.
    Of a resizer inside the graph only the longer side that it makes is known, and not whether it keeps the shape.

    | signature               | image       | divisor |
    |-------------------------|-------------|---------|
    | any size is fed         | 4000 × 3000 | 1       |
    | resizes to 320 inside   | 8064 × 6048 | 8       |
    | resizes to 320 inside   | 4000 × 3000 | 4       |
    | resizes to 320 inside   | 4000 × 3002 | 2       |
    | resizes to 320 inside   | 1280 × 960  | 1       |
    | 640 × 640, letterbox    | 4000 × 3000 | 2       |
    | 640 × 640, stretch      | 4000 × 3000 | 2       |
    """
    if signature.size_px is not None:
        height_made, width_made = fitted(height_px, width_px, signature.size_px, signature.fit).content_px
    elif signature.resizes_to_px:
        height_made = width_made = signature.resizes_to_px
    else:
        return 1
    least, most = sorted((width_px / width_made, height_px / height_made))
    for coarse in _DIVISORS:
        whole = width_px % coarse == height_px % coarse == 0
        if whole and most >= SPARE * coarse and least >= SPARE_LEAST * coarse:
            return coarse
    return 1
