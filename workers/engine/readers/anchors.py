"""Regressions against anchors that the model doesn't tell: RetinaNet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from contract.model_io import AnchorsOutputs
from workers.engine.geometry import Floats, Geometry
from workers.engine.readers.base import Fetched, RawDetections
from workers.engine.readers.suppression import activated, suppressed


class AnchorsReader:
    def __init__(self, outputs: AnchorsOutputs) -> None:
        self._outputs = outputs

    @property
    def tensors(self) -> Sequence[str]:
        return [self._outputs.regression, self._outputs.logits]

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        regression = fetched[self._outputs.regression]
        at = anchors(geometry.fed_px, self._outputs)
        if len(at) != regression.shape[1]:
            height, width = geometry.fed_px
            raise ValueError(
                f"{self._outputs.regression} has {regression.shape[1]} rows, and {height} × {width} px have {len(at)} "
                "anchors as [outputs] describes them"
            )
        boxes = geometry.to_image(decoded(regression, at, self._outputs), "pixel")
        scores = activated(fetched[self._outputs.logits], self._outputs.activation)
        return suppressed(boxes[:, :, None], scores, self._outputs.first_class, self._outputs.suppression)


def anchors(size_px: tuple[int, int], how: AnchorsOutputs) -> Floats:
    """[A, 4]: centre y, x, height, width in pixels of an input of `size_px`. As keras_hub.layers.AnchorGenerator."""
    return np.concatenate([_level(size_px, level, how) for level in range(how.min_level, how.max_level + 1)])


def _level(size_px: tuple[int, int], level: int, how: AnchorsOutputs) -> Floats:
    rows, columns = (math.ceil(side / 2**level) for side in size_px)
    y = (np.arange(rows, dtype=np.float32) + how.centre) * (size_px[0] // rows)
    x = (np.arange(columns, dtype=np.float32) + how.centre) * (size_px[1] // columns)
    sizes = np.array([2**level * how.anchor_size * 2 ** (k / how.scales) for k in range(how.scales)])
    if how.whole_px:
        sizes = np.floor(sizes)
    roots = np.sqrt(np.array(how.aspect_ratios))[:, None]
    half = np.stack([(roots * sizes).ravel(), (sizes / roots).ravel()], axis=1) / 2
    if how.whole_px:
        half = np.round(half)
    centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    shape = (len(centres), len(half), 2)
    both = np.broadcast_to(centres, shape), np.broadcast_to(half * 2, shape)
    return np.concatenate(both, axis=2).reshape(-1, 4).astype(np.float32)


def decoded(regression: Floats, at: Floats, how: AnchorsOutputs) -> Floats:
    """Boxes [B, A, 4] y_min, x_min, y_max, x_max in pixels."""
    moves = regression * np.array(how.variance, np.float32)
    if how.order == "cxcywh":
        moves = moves[..., [1, 0, 3, 2]]
    centres = at[:, :2] + moves[..., :2] * at[:, 2:]
    half = np.exp(np.minimum(moves[..., 2:], math.log(1e4))) * at[:, 2:] / 2
    return np.concatenate([centres - half, centres + half], axis=-1)
