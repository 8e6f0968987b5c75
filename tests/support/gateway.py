"""A gateway that listens on a loopback port for as long as a block, and a worker that is played by ledger calls."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis

from contract.connection import connect
from contract.ledger import Attempt, Claim, Ledger, PutBack
from contract.messages import ImageRef, ImageResult
from contract.settings import Settings
from producer.gateway.app import create_app
from producer.gateway.serve import server
from tests.support.builders import found, not_processed
from tests.support.redis_server import free_port
from tests.support.wait import wait_until

QUEUE = "detect.any.512m"


@contextmanager
def running_gateway(settings: Settings, **options: Any) -> Iterator[str]:
    """The base URL of a gateway; `options` are of `create_app`."""
    port = free_port()
    service = server(create_app(settings, **options), "127.0.0.1", port, options.get("limits"))
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        wait_until(lambda: service.started or not thread.is_alive(), that="the gateway listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        service.should_exit = True
        thread.join()


def result_of(image: ImageRef) -> ImageResult:
    """An image whose reference has a failure code in it fails so; in every other a scratch is found."""
    for code in ("image_missing", "memory"):
        if code in image.uri:
            return not_processed(image.name, code)  # type: ignore[arg-type]
    return found(image.name)


class PlayedWorker:
    """Takes doorbells off a queue in a thread of its own, and gives every image a result."""

    def __init__(
        self, settings: Settings, result_of: Callable[[ImageRef], ImageResult] = result_of, queue: str = QUEUE
    ) -> None:
        self._settings = settings
        self._result_of = result_of
        self._queue = queue
        self._stop = threading.Event()
        #: Every image that it was given.
        self.seen: list[ImageRef] = []
        #: While it is cleared, the worker holds what it has and goes on when it is set.
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "PlayedWorker":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self.may_go_on.set()
        self._thread.join()

    def _run(self) -> None:
        with connect(self._settings) as client:
            ledger = Ledger(client, self._settings)
            while not self._stop.is_set():
                rung = client.brpop([self._queue], timeout=0.1)
                if rung is not None:
                    self._work(client, ledger, json.loads(rung[1]))

    def _work(self, _client: redis.Redis, ledger: Ledger, message: dict[str, Any]) -> None:
        _, told, _ = json.loads(base64.b64decode(message["body"]))
        claim = ledger.claim(told["job"], told["task"], "small@yard")
        if not isinstance(claim, Claim):
            return
        for image in claim.images:
            self.may_go_on.wait(30)
            self.seen.append(image)
            ledger.record(claim.job, claim.task, claim.attempt, [(image.index, self._result_of(image))])
        attempt = Attempt(attempt=claim.attempt, worker="small@yard", batch_size=8, ended=datetime.now(UTC))
        ledger.close(claim.job, claim.task, attempt, PutBack(self._queue, 8))
