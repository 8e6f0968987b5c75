"""LitServe: one worker that uses all cores, requests batched: serve_litserve.py PORT"""

import base64
import sys
from typing import Any

import litserve
from detector import Detector


class Api(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:  # noqa: ARG002
        self.detector = Detector()

    def decode_request(self, request) -> bytes:
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, files: list[bytes]) -> list[Any]:
        return self.detector.detect(files)

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"detections": output}


if __name__ == "__main__":
    api = Api(max_batch_size=4, batch_timeout=0.01)
    litserve.LitServer(api, accelerator="cpu").run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False)
