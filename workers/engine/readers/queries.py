"""One detection per query, nothing to suppress: DETR and its descendants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.model_io import QueriesOutputs
from workers.engine.geometry import Geometry, corners
from workers.engine.readers.base import Fetched, RawDetections
from workers.engine.readers.suppression import activated


class QueriesReader:
    def __init__(self, outputs: QueriesOutputs) -> None:
        self._outputs = outputs

    @property
    def tensors(self) -> Sequence[str]:
        return [self._outputs.boxes, self._outputs.logits]

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        boxes = geometry.to_image(corners(fetched[self._outputs.boxes], self._outputs.order), self._outputs.units)
        scores = activated(fetched[self._outputs.logits], self._outputs.activation)
        if self._outputs.no_object:
            scores = scores[..., :-1]
        class_ids = scores.argmax(axis=2)
        best = scores.max(axis=2)
        order = np.argsort(-best, axis=1, kind="stable")[:, : self._outputs.most]
        return [
            RawDetections(boxes[i, rows], best[i, rows], class_ids[i, rows] + self._outputs.first_class)
            for i, rows in enumerate(order)
        ]
