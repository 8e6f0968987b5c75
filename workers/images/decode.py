"""Decodes an image with OpenCV into what models take: upright, 8 bits, three channels."""

import cv2
import numpy as np
import numpy.typing as npt

from workers.images.errors import ImageError


def decode_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """uint8 RGB [H, W, 3] of the first frame, upright by EXIF; grey, CMYK and 16 bits converted, alpha dropped.

    ImageError when OpenCV cannot decode it. A failed allocation passes as cv2.error or MemoryError: that is no fault
    of the image.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise
        raise ImageError("image_unreadable", f"OpenCV cannot decode it: {error.err}") from None
    if pixels is None:
        raise ImageError("image_unreadable", "OpenCV cannot decode it: its data are damaged, or of an unknown variant")
    return np.asarray(pixels, dtype=np.uint8)
