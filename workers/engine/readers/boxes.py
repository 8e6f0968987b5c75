"""Finished detections, a tensor each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.model_io import BoxesOutputs
from workers.engine.geometry import Geometry, corners
from workers.engine.readers.base import Fetched, RawDetections, valid, whole
from workers.engine.readers.scale import unscaled


class BoxesReader:
    def __init__(self, outputs: BoxesOutputs) -> None:
        self._outputs = outputs

    @property
    def tensors(self) -> Sequence[str]:
        named = self._outputs
        return [n for n in (named.boxes, named.scores, named.classes, named.count, named.image_info) if n]

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        named = self._outputs
        if not named.batched:
            fetched = {name: array[None] for name, array in fetched.items()}
        scores = fetched[named.scores]
        boxes = corners(fetched[named.boxes], named.order)
        if named.image_info:
            boxes = unscaled(boxes, fetched[named.image_info])
        boxes = geometry.to_image(boxes, named.units)
        class_ids = whole(fetched[named.classes]) if named.classes else np.ones(scores.shape, np.int64)
        if not named.count:
            return [valid(*rows) for rows in zip(boxes, scores, class_ids, strict=True)]
        counts = whole(fetched[named.count]).reshape(-1)
        return [
            RawDetections(boxes[i, :count], scores[i, :count], class_ids[i, :count]) for i, count in enumerate(counts)
        ]
