"""Producers that go on submitting, as other services would: each with a Client, bounded in what waits."""

import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from contract.errors import RedisUnreachable
from contract.settings import Settings
from producer import Client
from producer.errors import NotReplicated, RedisRefused
from producer.job import Job
from tests.lab.chaos.orders import Submitted, orders
from tests.lab.chaos.stock import Stock

#: A producer holds back while so many of its images have no result yet.
_WAITING_MAX: Final = 200
_PAUSE_S: Final = 0.3


@dataclass
class Producer:
    """What it was told that it submitted is submitted; a submission that was refused is counted, and that is all."""

    settings: Settings
    stock: Stock
    seed: int
    number: int
    submitted: list[Submitted] = field(default_factory=list)
    refused: int = 0
    #: The traceback of what no producer should have to handle.
    broke: str = ""
    _enough: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name=f"producer-{self.number}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._enough.set()

    def join(self, timeout_s: float) -> bool:
        """Whether it has ended."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _work(self) -> None:
        try:
            with Client(settings=self.settings) as client:
                self._submit_orders(client)
        except Exception:
            self.broke = traceback.format_exc()

    def _submit_orders(self, client: Client) -> None:
        open_jobs: list[tuple[Job, int]] = []
        for order in orders(self.seed, self.number):
            while not self._enough.wait(_PAUSE_S):
                open_jobs = _still_open(open_jobs)
                if sum(left for _, left in open_jobs) < _WAITING_MAX:
                    break
            if self._enough.is_set():
                return
            images = self.stock.images_for(order)
            try:
                job = client.submit(
                    [(image.name, image.picture.path) for image in images],
                    order.model,
                    batch_size=order.batch_size,
                    allow_waiting=True,
                    allow_degraded=order.allow_degraded,
                )
            except (RedisUnreachable, RedisRefused, NotReplicated):
                self.refused += 1
            else:
                self.submitted.append(Submitted(job.id, order.model, images))
                open_jobs.append((job, len(images)))


def _still_open(jobs: Sequence[tuple[Job, int]]) -> list[tuple[Job, int]]:
    """Each with the images that it waits for; as they were when Redis does not answer."""
    found = []
    for job, left in jobs:
        try:
            status = job.status()
        except (RedisUnreachable, RedisRefused):
            found.append((job, left))
            continue
        if not status.ended:
            found.append((job, status.total - status.done))
    return found
