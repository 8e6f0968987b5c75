"""Decoded boxes and the scores of every class, before suppression."""

from __future__ import annotations

from collections.abc import Sequence

from contract.model_io import CandidatesOutputs
from workers.engine.geometry import Geometry, corners
from workers.engine.readers.base import Fetched, RawDetections
from workers.engine.readers.scale import unscaled
from workers.engine.readers.suppression import activated, suppressed


class CandidatesReader:
    def __init__(self, outputs: CandidatesOutputs) -> None:
        self._outputs = outputs

    @property
    def tensors(self) -> Sequence[str]:
        return [name for name in (self._outputs.boxes, self._outputs.scores, self._outputs.image_info) if name]

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        named = self._outputs
        boxes = corners(fetched[named.boxes], named.order)
        if named.image_info:
            boxes = unscaled(boxes, fetched[named.image_info])
        boxes = geometry.to_image(boxes, named.units)
        if boxes.ndim == 3:
            boxes = boxes[:, :, None]
        scores = activated(fetched[named.scores], named.activation)
        return suppressed(boxes, scores, named.first_class, named.suppression)
