"""Finished detections in one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.model_io import RowsOutputs
from workers.engine.geometry import Geometry, corners
from workers.engine.readers.base import Fetched, RawDetections, valid, whole

_BOX = ("box0", "box1", "box2", "box3")


class RowsReader:
    def __init__(self, outputs: RowsOutputs) -> None:
        self._outputs = outputs

    @property
    def tensors(self) -> Sequence[str]:
        return [name for name in (self._outputs.tensor, self._outputs.classes) if name]

    def read(self, fetched: Fetched, geometry: Geometry) -> list[RawDetections]:
        columns, rows = self._outputs.columns, fetched[self._outputs.tensor]
        if rows.shape[-1] != len(columns):
            raise ValueError(f"{self._outputs.tensor} has {rows.shape[-1]} columns, and {len(columns)} are described")
        boxes = corners(rows[..., [columns.index(name) for name in _BOX]], self._outputs.order)
        boxes = geometry.to_image(boxes, self._outputs.units)
        scores = rows[..., columns.index("score")]
        if self._outputs.classes:
            class_ids = whole(fetched[self._outputs.classes])
        elif "class" in columns:
            class_ids = whole(rows[..., columns.index("class")])
        else:
            class_ids = np.ones(scores.shape, np.int64)
        return [valid(*image) for image in zip(boxes, scores, class_ids, strict=True)]
