"""What a reader is and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from workers.engine.geometry import Floats, Geometry

#: The output tensors of one call by their names; those of floats are float32.
Fetched = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class RawDetections:
    """What the model says of one image: row i of each array is one candidate, best first as the model has it."""

    #: float32 [M, 4]: y_min, x_min, y_max, x_max, as fractions of the image's height and width.
    boxes: Floats
    #: float32 [M].
    scores: Floats
    #: int [M], as the model numbers them.
    class_ids: npt.NDArray[np.int64]


class Reader(Protocol):
    @property
    def tensors(self) -> Sequence[str]:
        """Output tensors that it reads; nothing else is computed."""

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        """One for each image of the call. ValueError for tensors that can't be what the spec says they are."""


def whole(classes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Class ids as integers, which many exporters give as floats; ValueError when they have fractions."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    if classes.dtype.kind != "f":
        raise ValueError(f"classes of type {classes.dtype} are no numbers")
    rounded = np.rint(classes)
    if not np.allclose(rounded, classes, atol=1e-3):
        raise ValueError(f"the tensor of classes holds numbers that are not whole, such as {classes.flat[0]:g}")
    ids: npt.NDArray[np.int64] = rounded.astype(np.int64)
    return ids


def valid(boxes: Floats, scores: Floats, class_ids: npt.NDArray[np.int64]) -> RawDetections:
    """Without the rows that stand for nothing: score 0, or a class below 0."""
    keep = (scores > 0) & (class_ids >= 0)
    return RawDetections(boxes[keep], scores[keep], class_ids[keep])
