"""From uint8 RGB images to the tensor that a signature takes, and how many images go in a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from contract.model_io import Signature
from workers.engine.geometry import Geometry, fitted

Images = npt.NDArray[np.uint8]
#: What is encoded is decoded again a moment later.
_PNG_LEAST_EFFORT = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def stacked(images: Sequence[Images]) -> Images:
    """[B, H, W, 3] of images [H, W, 3]. One is not copied: at 12 megapixels that takes as long as a coarse decode."""
    return images[0][None] if len(images) == 1 else np.stack(images)


class Feed:
    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    @property
    def dtype(self) -> str:
        """Of the tensor, as TensorFlow names it."""
        return "string" if self._signature.input_dtype == "encoded" else self._signature.input_dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Of the tensor; None for what differs from call to call."""
        batch: Any = {"dynamic": None, "one": 1}.get(str(self._signature.batch), self._signature.batch)
        if self._signature.input_dtype == "encoded":
            return (batch,)
        height, width = self._signature.size_px or (None, None)
        return (batch, height, width, 3) if self._signature.layout == "nhwc" else (batch, 3, height, width)

    def calls(self, images: Images) -> Iterator[tuple[Images, int]]:
        """What goes in each call, [B, H, W, 3], and how many of it are images: the last call may be filled up."""
        match self._signature.batch:
            case "dynamic":
                yield images, len(images)
            case "one":
                for i in range(len(images)):
                    yield images[i : i + 1], 1
            case size:
                for i in range(0, len(images), size):
                    part = images[i : i + size]
                    missing = size - len(part)
                    yield (
                        (np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part),
                        len(part),
                    )

    def tensor(self, images: Images) -> tuple[npt.NDArray[np.generic], Geometry]:
        """The tensor for uint8 RGB [B, H, W, 3], all of one size, and where an image lies in it.

        uint8 or float32 [B, height, width, 3], its channels where `layout` has them, or bytes objects [B].
        """
        signature = self._signature
        geometry = fitted(images.shape[1], images.shape[2], signature.size_px, signature.fit)
        if geometry.fed_px != images.shape[1:3]:
            images = np.stack([_resized(image, geometry, signature.pad) for image in images])
        if signature.input_dtype == "encoded":
            return np.array([_png(image) for image in images], dtype=object), geometry
        tensor: npt.NDArray[np.generic] = images
        if signature.input_dtype == "float32":
            tensor = _normalised(images, signature)
        if signature.layout == "nchw":
            tensor = np.ascontiguousarray(np.moveaxis(tensor, 3, 1))
        return tensor, geometry


def _resized(image: Images, geometry: Geometry, pad: int) -> Images:
    content = image
    height, width = geometry.content_px
    if image.shape[:2] != (height, width):
        # Bilinear without antialiasing, as tf.image.resize has it and most detectors were trained.
        content = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    if geometry.fills:
        return content
    fed = np.full((*geometry.fed_px, 3), pad, np.uint8)
    top, left = geometry.offset_px
    fed[top : top + height, left : left + width] = content
    return fed


def _normalised(images: Images, signature: Signature) -> npt.NDArray[np.float32]:
    pixels = images.astype(np.float32)
    if any(signature.mean):
        pixels -= np.array(signature.mean, np.float32)
    if signature.std != (1.0, 1.0, 1.0):
        pixels /= np.array(signature.std, np.float32)
    return pixels


def _png(image: Images) -> bytes:
    written, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PNG_LEAST_EFFORT)
    if not written:
        raise ValueError(f"an image of {image.shape} cannot be written as PNG")
    return data.tobytes()
