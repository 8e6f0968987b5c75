"""The order of steps from a seed to a plate."""

import numpy as np

from vedette.plates.canvas import Box
from vedette.plates.defects import add_defects
from vedette.plates.fittings import add_fittings
from vedette.plates.light import illuminate, photograph
from vedette.plates.plate import Plate
from vedette.plates.surfaces import bare_plate

SMALLEST_SIDE_PX = 64
"""Below this no fitting and hardly a defect finds room."""


def render_plate(seed: int, width_px: int, height_px: int) -> Plate:
    """Render the plate of `seed` (>= 0). The same three arguments give the same plate, to the byte, with the same
    versions of numpy and OpenCV; another seed gives another finish, light and set of defects.

    Raises ValueError for a side shorter than 64 px. Takes about 0.2 s per megapixel on one core.
    """
    if min(width_px, height_px) < SMALLEST_SIDE_PX:
        raise ValueError(f"a plate needs at least {SMALLEST_SIDE_PX} px on each side, not {width_px} x {height_px}")
    # Each step draws from a stream of its own, so that a change to one step leaves the others as they were.
    surface, fittings, defects, light, camera = (
        np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(5)
    )
    canvas = bare_plate(surface, height_px, width_px)
    add_fittings(fittings, canvas)
    found = add_defects(defects, canvas)
    image = photograph(camera, illuminate(light, canvas))
    return Plate(image, _boxes(found, width_px, height_px), np.array([class_id for class_id, _ in found], np.int32))


def _boxes(found: list[tuple[int, Box]], width_px: int, height_px: int) -> np.ndarray:
    boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, width_px)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, height_px)
    return boxes
