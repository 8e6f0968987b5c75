"""BentoML: one service that uses all cores, calls batched: bentoml serve serve_bentoml:Detect --port PORT"""

from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType
from detector import Detector


@bentoml.service(workers=1, traffic={"timeout": 60})  # type: ignore[untyped-decorator]
class Detect:
    def __init__(self) -> None:
        self.detector = Detector()

    @bentoml.api(  # type: ignore[untyped-decorator]
        route="/predict", batchable=True, max_batch_size=4, max_latency_ms=10_000
    )
    def predict(self, image: list[Annotated[Path, ContentType("image/jpeg")]]) -> list[Any]:
        return self.detector.detect([path.read_bytes() for path in image])
