"""One tensor of boxes and class scores per anchor point: YOLO's head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.model_io import GridOutputs
from workers.engine.geometry import Geometry, corners
from workers.engine.readers.base import Fetched, RawDetections
from workers.engine.readers.suppression import suppressed


class GridReader:
    def __init__(self, outputs: GridOutputs) -> None:
        self._outputs = outputs

    @property
    def tensors(self) -> Sequence[str]:
        return [self._outputs.tensor]

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        points = fetched[self._outputs.tensor]
        if self._outputs.layout == "channels_first":
            points = np.moveaxis(points, 1, 2)
        boxes = geometry.to_image(corners(points[..., :4], self._outputs.order), self._outputs.units)
        scores = points[..., 4:]
        if self._outputs.objectness:
            scores = scores[..., :1] * scores[..., 1:]
        return suppressed(boxes[:, :, None], scores, self._outputs.first_class, self._outputs.suppression)
