"""Whether this worker takes nothing new, on an operator's order (`contract.drain`). Main process only."""

import os
import signal
import uuid

import redis
from celery.utils.log import get_logger
from celery.worker import state

from contract.drain import read_order
from contract.vitals import Vitals

logger = get_logger(__name__)


class Draining:
    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._stop = False
        self._idle_before = False
        #: Of this start of the worker.
        self.instance = uuid.uuid4().hex
        self.on = False

    def look(self, node: str) -> None:
        """Takes an order, if there is one. One that was taken stands, even if Redis has lost it."""
        order = read_order(self._redis, node, self.instance)
        if order is None or (order.drain, order.stop) == (self.on, self._stop):
            return
        self.on, self._stop, self._idle_before = order.drain, order.drain and order.stop, False
        if self.on:
            logger.warning("draining: this worker takes nothing new%s", ", and ends when idle" if self._stop else "")
        else:
            logger.warning("no longer draining: this worker takes work again")

    def noted_in(self, vitals: Vitals) -> Vitals:
        """While it drains, a slot that has a message but no claim yet is busy too: it must not be ended."""
        if not self.on:
            return vitals
        requests = len({*state.reserved_requests, *state.active_requests})
        # Celery forgets some of them on a lost connection; their slots' black boxes do not.
        return vitals.model_copy(update={"draining": True, "slots_busy": max(vitals.slots_busy, requests)})

    def end_if_idle(self, vitals: Vitals) -> None:
        """When it is to stop: SIGTERM to itself, after two looks that found it idle. A message that was on its way when
        its queues were left has gone back by then."""
        if not self._stop:
            return
        idle = vitals.slots_busy == 0
        if idle and self._idle_before:
            logger.warning("drained: the worker ends")
            os.kill(os.getpid(), signal.SIGTERM)
            self._stop = False
        self._idle_before = idle
