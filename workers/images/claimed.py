"""The images of one claim: their headers, what became of their bytes, and their pixels. Decides nothing about batches.

Imports OpenCV: slots only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from contract.blobs import Blobs
from contract.messages import Failure, ImageRef
from contract.settings import Settings
from workers.batches import Readable
from workers.images.decode import decode_rgb
from workers.images.errors import ImageError
from workers.images.fetch import is_remote, read_image
from workers.images.header import read_header
from workers.images.kept import KeptBytes
from workers.patience import patiently
from workers.verdict import describe_error

Pixels = npt.NDArray[np.uint8]

_CHANGED: Final = "its host gave another image when it was asked again"


@dataclass
class ClaimedImages:
    """Context manager: bytes that it keeps go with it."""

    settings: Settings
    #: Uploaded ones.
    blobs: Blobs
    kept: KeptBytes = field(default_factory=KeptBytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kept.__exit__(kind, error, trace)

    def bytes_of(self, image: ImageRef) -> bytes:
        """Raises ImageError, and what redis-py raises when an upload cannot be had."""
        settings = self.settings
        return read_image(
            image.uri, settings.image_roots, settings.image_bytes_max, settings.image_policy, self._read_blob
        )

    def header(self, image: ImageRef, data: bytes) -> Readable:
        """Judges `data` by its header; ImageError. Those of a remote or a small image are kept for its decoding."""
        header = read_header(data, self.settings.image_pixels_max)
        keep = self.kept.keep if is_remote(image.uri) else self.kept.hold
        keep(image.index, data)
        return Readable(image, header.width_px, header.height_px, header.format)

    def bytes_again(self, readable: Readable) -> bytes:
        """Those that the header was read of, or for a remote image that was not kept, some that claim the same size."""
        image = readable.image
        data = self.kept.get(image.index)
        if data is not None:
            return data
        data = self.bytes_of(image)
        if is_remote(image.uri):
            header = read_header(data, self.settings.image_pixels_max)
            if (header.width_px, header.height_px) != (readable.width_px, readable.height_px):
                raise ImageError("image_unreadable", _CHANGED)
        return data

    def _read_blob(self, digest: str, bytes_max: int) -> bytes | None:
        return patiently(partial(self.blobs.get, digest, bytes_max))


def decode(readable: Readable, data: bytes) -> Pixels:
    """RGB, uint8, shape (height, width, 3), as coarsely as `readable` says; ImageError."""
    return decode_rgb(data, readable.decoded_by)


def as_decoded(readable: Readable, pixels: Pixels) -> Readable:
    """Its size by what was decoded, where that is not a part of it: a header may lie."""
    if readable.decoded_by > 1:
        return readable
    return replace(readable, width_px=pixels.shape[1], height_px=pixels.shape[0])


def failure_of(error: Exception) -> Failure:
    """Of an image whose bytes or pixels could not be had."""
    if isinstance(error, ImageError):
        return error.failure
    return Failure(code="image_unreadable", message=describe_error(error))
