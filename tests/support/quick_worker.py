"""A worker that is played: it takes each bell off the queue and records all of the task's images at once."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from contract.connection import connect
from contract.ledger import Attempt, Ledger, PutBack
from contract.settings import Settings
from tests.support.builders import found

QUEUE = "detect.any.512m"


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    stopped = threading.Event()

    def work() -> None:
        with connect(settings) as client:
            ledger = Ledger(client, settings)
            while not stopped.is_set():
                rung = client.brpop(QUEUE, timeout=0.2)
                if rung is not None:
                    _answer(ledger, rung[1])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _answer(ledger: Ledger, bell: str) -> None:
    _, message, _ = json.loads(base64.b64decode(json.loads(bell)["body"]))
    job, task = message["job"], message["task"]
    claim = ledger.claim(job, task, "small@yard")
    if isinstance(claim, str):  # the job that was cancelled
        return
    results = [(image.index, found(image.name)) for image in claim.images]
    ledger.record(job, task, claim.attempt, results)
    attempt = Attempt(attempt=claim.attempt, worker="small@yard", batch_size=8, ended=datetime.now(UTC))
    ledger.close(job, task, attempt, PutBack(QUEUE, 8))
