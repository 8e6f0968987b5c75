"""Mosec: one worker process that uses all cores, requests batched: serve_mosec.py --port PORT"""

from typing import Any

from detector import Detector
from mosec import Server, Worker


class Detect(Worker):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.detector = Detector()

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: list[bytes]) -> list[Any]:
        return [{"detections": found} for found in self.detector.detect(data)]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Detect, max_batch_size=4, max_wait_time=10)
    server.run()
