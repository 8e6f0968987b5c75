"""A model that costs nothing, for a worker whose own cost is to be measured.

    celery -A workers worker -I benchmarks.null_model

All of a slot stays real: store, spec, admission, headers, decoding, ledger, leases. Only what a loaded model is asked
for its detections is replaced, before slots are forked: TensorFlow is imported as ever and never called.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.engine_plan import PLAIN
from contract.model_spec import ModelSpec
from workers.engine.feed import Feed
from workers.engine.models import LoadedModels
from workers.engine.readers.base import RawDetections


class NullModel:
    """Stands where a SavedModel does; finds the same one box in each image."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.plan = PLAIN
        self.call_images = None
        self.streams = ThreadPoolExecutor(1)
        self.feed = Feed(spec.signature)
        self._found = RawDetections(
            np.array([[0.25, 0.25, 0.75, 0.75]], np.float32), np.array([0.9], np.float32), np.array([1], np.int64)
        )

    def detect(self, images: npt.NDArray[np.uint8]) -> list[RawDetections]:
        return [self._found] * len(images)


def _get(models: LoadedModels, ref: str, digest: str, **_of_engine: Any) -> Any:
    held: Any = models.held(digest)
    if held is None:
        held = models._loaded[digest] = NullModel(models.spec(ref, digest))  # type: ignore[assignment]
    return held


LoadedModels.get = _get  # type: ignore[method-assign]
