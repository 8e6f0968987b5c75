"""The `image_info` of official/vision: how an image was resized inside the graph."""

import numpy as np
import numpy.typing as npt

from workers.engine.geometry import Floats

#: Rows of it: size before, size wanted, scale, offset; each y, x. Source: official/vision/ops/preprocess_ops.py.
_SCALE = 2


def unscaled(boxes: Floats, image_info: npt.NDArray[np.generic]) -> Floats:
    """Boxes [B, ..., 4] in pixels of the resized image, in pixels of the image that was fed."""
    scale = np.tile(image_info[:, _SCALE].astype(np.float32), 2)
    return boxes / scale.reshape(len(scale), *[1] * (boxes.ndim - 2), 4)
