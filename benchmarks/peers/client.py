"""The same client for all: so many callers, each of whom asks for one image and waits for its boxes before the next."""

import base64
import http.client
import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.turns import cpu_s_of

#: Gives the boxes of an image, asked from one of the callers' threads.
Ask = Callable[[Path], list[Any]]


@dataclass(frozen=True)
class Load:
    """What one round of one server took."""

    seconds: float
    latencies_s: Sequence[float]
    found: int
    #: Of the server's processes: what stays true of a machine that others use too.
    cpu_s: float

    @property
    def cpu_ms_per_image(self) -> float:
        return self.cpu_s / len(self.latencies_s) * 1000

    @property
    def images_per_s(self) -> float:
        return len(self.latencies_s) / self.seconds

    def percentile_s(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def load(ask: Ask, images: Sequence[Path], callers: int, limit_s: float, server: Sequence[psutil.Process] = ()) -> Load:
    """Every image once, or as many as there is time for."""
    waiting, lock = iter(images), threading.Lock()
    began_s, began_cpu_s = time.perf_counter(), cpu_s_of(server)

    def caller(_number: int) -> list[tuple[float, int]]:
        answered = []
        while time.perf_counter() - began_s < limit_s:
            with lock:
                image = next(waiting, None)
            if image is None:
                break
            asked_s = time.perf_counter()
            boxes = ask(image)
            answered.append((time.perf_counter() - asked_s, len(boxes)))
        return answered

    with ThreadPoolExecutor(callers) as pool:
        answers = list(itertools.chain.from_iterable(pool.map(caller, range(callers))))
    seconds, cpu_s = time.perf_counter() - began_s, cpu_s_of(server) - began_cpu_s
    return Load(seconds, [took_s for took_s, _ in answers], sum(boxes for _, boxes in answers), cpu_s)


class Http:
    """Posts bodies over connections that stay open, one for each thread."""

    def __init__(self, port: int, path: str, content_type: str, body: Callable[[Path], bytes]) -> None:
        self._port, self._path, self._headers = port, path, {"Content-Type": content_type}
        self._body = body
        self._bodies: dict[Path, bytes] = {}
        self._own = threading.local()

    def prepare(self, images: Sequence[Path]) -> None:
        """Bodies are made before the clock runs."""
        self._bodies = {image: self._body(image) for image in images}

    def __call__(self, image: Path) -> list[Any]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("POST", self._path, self._bodies[image], self._headers)
            answer = connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, OSError):
            self._own.connection = None
            raise
        if answer.status != 200:
            raise RuntimeError(f"{self._path} on port {self._port} answered {answer.status}: {text[:200]!r}")
        return boxes_of(json.loads(text))


def boxes_of(answer: Any) -> list[Any]:
    """BentoML's calls that can be batched answer with a list of answers: here of one."""
    return answer["detections"] if isinstance(answer, dict) else answer[0]


def raw(image: Path) -> bytes:
    return image.read_bytes()


def in_json(image: Path) -> bytes:
    return json.dumps({"image": base64.b64encode(image.read_bytes()).decode()}).encode()


#: What `multipart` puts between the parts.
BOUNDARY = "a-part-of-the-form"


def multipart(image: Path) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{image.name}"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + image.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
