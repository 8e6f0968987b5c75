"""Decodes an image with OpenCV into what models take: upright, 8 bits, three channels."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from workers.images.errors import ImageError

#: By what each side is divided. Reduced, a JPEG is never decoded at its full size.
_FLAGS: Final = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def decode_rgb(data: bytes, shrink: int = 1) -> npt.NDArray[np.uint8]:
    """uint8 RGB [H, W, 3] of the first frame, upright by EXIF; grey, CMYK and 16 bits converted, alpha dropped.

    Each side is divided by `shrink`: 1, 2, 4 or 8.

    ImageError when OpenCV cannot decode it. A failed allocation passes as cv2.error or MemoryError: that is no fault
    of the image.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[shrink])
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise
        raise ImageError("image_unreadable", f"OpenCV cannot decode it: {error.err}") from None
    if pixels is None:
        raise ImageError("image_unreadable", "OpenCV cannot decode it: its data are damaged, or of an unknown variant")
    if shrink > 1:  # these flags know BGR only
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)
    return np.asarray(pixels, dtype=np.uint8)
