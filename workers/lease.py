"""Keeps a claim alive while a slot works on it, and tells the slot when the work is no longer its own."""

import threading
import time
from types import TracebackType
from typing import Final, Self

import redis
from celery.utils.log import get_logger

from contract.ledger import Claim, Ledger
from contract.ledger.attempts import Standing
from contract.settings import Settings

logger = get_logger(__name__)

#: After a renewal that failed. A Redis that is back must hear of the slot before what is left of the lease is over.
_TRY_AGAIN_S: Final = 0.5


class LeaseLost(Exception):  # never leaves the slot
    """The attempt no longer holds its task: cancelled, or fenced because its lease ran out."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        self.standing = standing


class LeaseKeeper:
    """Renews from a thread of its own: a model call of a minute must not cost the lease."""

    def __init__(self, ledger: Ledger, claim: Claim, settings: Settings) -> None:
        self._ledger = ledger
        self._claim = claim
        self._every_s = settings.lease_renewal.total_seconds()
        self._standing: Standing = "held"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claim.task}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()

    def check(self) -> None:
        """Raises LeaseLost when the last renewal was refused. Call between batches."""
        if self._standing != "held":
            raise LeaseLost(self._standing)

    def lost(self, standing: Standing) -> LeaseLost:
        """Notes what another answer of the ledger told."""
        self._standing = standing
        return LeaseLost(standing)

    def _keep(self) -> None:
        last_renewal = time.monotonic()
        pause_s = self._every_s
        while self._standing == "held" and not self._ended.wait(pause_s):
            try:
                self._standing = self._ledger.renew(self._claim)
                last_renewal, pause_s = time.monotonic(), self._every_s
            except redis.RedisError as error:
                away_s = time.monotonic() - last_renewal
                logger.warning("lease of task %s not renewed for %.0f s: %s", self._claim.task, away_s, error)
                pause_s = min(self._every_s, _TRY_AGAIN_S)
