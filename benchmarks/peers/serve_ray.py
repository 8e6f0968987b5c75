"""Ray Serve: one replica that uses all cores, requests batched: serve_ray.py PORT"""

import sys
import time
from typing import Any

import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=16, ray_actor_options={"num_cpus": 1})  # type: ignore[untyped-decorator]
class Detect:
    def __init__(self) -> None:
        from detector import Detector

        self.detector = Detector()

    @serve.batch(max_batch_size=4, batch_wait_timeout_s=0.01)  # type: ignore[untyped-decorator]
    async def detect(self, files: list[bytes]) -> list[Any]:
        return self.detector.detect(files)

    async def __call__(self, request: Request) -> dict[str, Any]:
        return {"detections": await self.detect(await request.body())}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Detect.bind(), route_prefix="/predict")
    while True:
        time.sleep(60)
