"""Cut training views of one size out of plates of many sizes. Numpy and OpenCV only: the rendering processes use it.

There are two kinds, one for each export:
- whole plates, shrunk exactly as `defects-small` shrinks them inside its graph;
- crops at full resolution, as `defects-large` sees a plate.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from training.plates import plate_of_any_size
from vedette.plates import Plate

VIEW_PX = 320
"""Side of a view, and the longer side of a plate as `defects-small` sees it."""

PADDING_GREY = 128
"""What stands beside and below a plate that does not fill the network's input; export.py pads with the same."""

KEPT_SHARE = 0.6
"""A defect cut by the crop's edge counts when this share of its box is inside; less is neither asked nor punished."""


@dataclass(frozen=True)
class Mix:
    """How many views of each kind are cut from a plate. Rendering one costs as much as learning from four views, so
    each plate is looked at several times.
    """

    whole: int
    crops: int
    scaled_crops: int


BOTH = Mix(whole=2, crops=5, scaled_crops=1)
ONLY_WHOLE = Mix(whole=3, crops=0, scaled_crops=0)
ONLY_CROPS = Mix(whole=0, crops=6, scaled_crops=0)


@dataclass(frozen=True)
class View:
    """image uint8 [320, 320, 3] RGB; boxes float32 [n, 4] as in Plate; class_ids int32 [n] 1-based, 0 = do not care."""

    image: np.ndarray
    boxes: np.ndarray
    class_ids: np.ndarray


def views_of(seed: int, mix: Mix) -> list[View]:
    """Render the plate of `seed` and cut its views."""
    rng = np.random.default_rng([seed, 3])
    plate = plate_of_any_size(seed)
    longer_side = max(plate.image.shape[:2])
    views = []
    for n in range(mix.whole):
        nearly = 1.0 if n == 0 else rng.uniform(0.8, 1.2)
        views.append(_crop(rng, _scaled(plate, nearly * VIEW_PX / longer_side)))
    views += [_crop(rng, plate) for _ in range(mix.crops)]
    for _ in range(mix.scaled_crops):
        views.append(_crop(rng, _scaled(plate, rng.uniform(0.45, 0.95))))
    return [_mirrored(rng, view) for view in views]


def triangle_weights(size_in: int, size_out: int) -> np.ndarray:
    """float32 [size_out, size_in]: one axis of tf.image.resize(..., "bilinear", antialias=True), as a matrix.

    A triangle as wide as the reduction; rewritten here so that rendering processes need no TensorFlow and still shrink
    plates as the exported graph does.
    """
    scale = size_out / size_in
    reach = max(1.0, 1 / scale)
    centres = (np.arange(size_out) + 0.5) / scale
    distance = np.abs(np.arange(size_in)[None, :] + 0.5 - centres[:, None])
    weights = np.clip(1 - distance / reach, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _scaled(plate: Plate, scale: float) -> Plate:
    h, w = plate.image.shape[:2]
    new_h, new_w = max(1, round(h * scale)), max(1, round(w * scale))
    rows, columns = triangle_weights(h, new_h), triangle_weights(w, new_w)
    shrunk = (rows @ plate.image.reshape(h, -1).astype(np.float32)).reshape(new_h, w, 3)
    image = np.einsum("nw,hwc->hnc", columns, shrunk, optimize=True)
    factors = np.array([new_w / w, new_h / h] * 2, np.float32)
    return Plate(np.clip(image + 0.5, 0, 255).astype(np.uint8), plate.boxes * factors, plate.class_ids)


def _crop(rng: np.random.Generator, plate: Plate) -> View:
    """320 x 320 px of the plate: three in four around a defect, the others anywhere; padded where the plate ends."""
    h, w = plate.image.shape[:2]
    x, y = rng.uniform(0, max(w - VIEW_PX, 0)), rng.uniform(0, max(h - VIEW_PX, 0))
    if len(plate.boxes) and rng.random() < 0.75:
        box = plate.boxes[rng.integers(len(plate.boxes))]
        middle = (box[:2] + box[2:]) / 2 + rng.uniform(-0.35, 0.35, 2) * VIEW_PX
        x, y = (middle - VIEW_PX / 2).clip(0, [max(w - VIEW_PX, 0), max(h - VIEW_PX, 0)])
    x, y = int(x), int(y)
    seen = plate.image[y : y + VIEW_PX, x : x + VIEW_PX]
    below, beside = VIEW_PX - seen.shape[0], VIEW_PX - seen.shape[1]
    grey = (PADDING_GREY,) * 3
    image = cv2.copyMakeBorder(seen, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=grey)[..., ::-1]
    boxes = plate.boxes - np.array([x, y, x, y], np.float32)
    clipped = boxes.clip(0, np.array([seen.shape[1], seen.shape[0]] * 2, np.float32))
    share = _area(clipped) / np.maximum(_area(boxes), 1e-6)
    touched = share > 0
    class_ids = np.where(share >= KEPT_SHARE, plate.class_ids, 0)[touched].astype(np.int32)
    return View(np.ascontiguousarray(image), clipped[touched], class_ids)


def _mirrored(rng: np.random.Generator, view: View) -> View:
    """Turn the view over its diagonal half of the time, so that a width is as often a height."""
    if rng.random() < 0.5:
        return view
    return View(np.ascontiguousarray(view.image.transpose(1, 0, 2)), view.boxes[:, [1, 0, 3, 2]], view.class_ids)


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]).clip(0) * (boxes[:, 3] - boxes[:, 1]).clip(0)
