"""Bootstep that gives the main process its undertaker, and lets it try again what Redis was away for."""

from typing import Any, Final

from celery import bootsteps
from celery.utils.log import get_logger

from contract.connection import connect
from contract.settings import load_settings
from workers.closing import office
from workers.findings import findings
from workers.undertaker import Undertaker

logger = get_logger(__name__)

_EVERY_S: Final = 1.0
#: A dead child's pipe often closes before the child can be waited for; Celery then looks again after 5 s.
_LOOK_FOR_THE_DEAD_S: Final = 0.5

_undertaker: Undertaker | None = None


def undertaker() -> Undertaker:
    if _undertaker is None:
        raise RuntimeError("no undertaker: requests exist only in the main process of `celery -A workers worker`")
    return _undertaker


class Undertake(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Consumer bootstep. The undertaker outlives a lost connection: its open cases are what it is for."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        global _undertaker
        settings = load_settings()
        found = findings()
        client = connect(settings, patient=False)

        def withdraw(queue: str, why: str) -> None:
            found.withdrawn[queue] = why
            consumer.cancel_task_queue(queue)  # now: at the next upkeep, this worker would have taken the work again
            logger.error("no longer takes work from %s: %s", queue, why)

        desk = office(consumer.app, client, settings, found.capability)
        _undertaker = Undertaker(desk, found.boxes, consumer.hostname, withdraw, found.kills)
        self._timers: list[Any] = []

    def start(self, consumer: Any) -> None:
        self._timers = [
            consumer.timer.call_repeatedly(_EVERY_S, undertaker().work),
            consumer.timer.call_repeatedly(_LOOK_FOR_THE_DEAD_S, consumer.pool.maintain_pool),
        ]

    def stop(self, _consumer: Any) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []
