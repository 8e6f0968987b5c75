"""Keeps claims alive while a slot works on them, and tells the slot when the work is no longer its own."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Literal, Self

import redis
from celery.utils.log import get_logger

from contract.ledger import Claim, Ledger
from contract.ledger.attempts import Standing
from contract.settings import Settings

logger = get_logger(__name__)

#: `closed`: every image has its result, and the attempt is in the history.
Tenure = Standing | Literal["closed"]

#: After a renewal that failed. A Redis that is back must hear of the slot before what is left of the lease is over.
_TRY_AGAIN_S: Final = 0.5


class LeaseLost(Exception):  # never leaves the slot
    """The attempt no longer holds any task of its own: cancelled, fenced because the lease ran out, or closed."""

    def __init__(self, standing: Tenure) -> None:
        super().__init__(standing)
        self.standing = standing


class LeaseKeeper:
    """Renews from a thread of its own: a model call of a minute must not cost the lease.

    Of claims that are run together, one that is cancelled or fenced drops out alone, and the others go on. So does one
    whose attempt is closed: it needs no lease.
    """

    def __init__(self, ledger: Ledger, claims: Sequence[Claim], settings: Settings) -> None:
        self._ledger = ledger
        self._claims = tuple(claims)
        self._every_s = settings.lease_renewal.total_seconds()
        self._standing: dict[str, Standing] = {claim.task: "held" for claim in claims}
        self._closed: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claims[0].task}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._ended.set()

    def standing(self, claim: Claim) -> Tenure:
        """As the ledger said last. What a renewal heard of a closed claim is nothing to go by: nobody holds it."""
        return "closed" if claim.task in self._closed else self._standing[claim.task]

    def check(self) -> None:
        """Raises LeaseLost when none of the claims is held any more. Call between batches."""
        if not self._held():
            raise LeaseLost(self.standing(self._claims[0]))

    def closed(self, claim: Claim) -> None:
        """Notes that its attempt is closed: all of it is done."""
        self._closed.add(claim.task)

    def lost(self, claim: Claim, standing: Standing) -> None:
        """Notes what another answer of the ledger told, and raises LeaseLost when that was the last one held."""
        self._standing[claim.task] = standing
        self.check()

    def _held(self) -> list[Claim]:
        return [claim for claim in self._claims if self.standing(claim) == "held"]

    def _keep(self) -> None:
        last_renewal = time.monotonic()
        pause_s = self._every_s
        while (held := self._held()) and not self._ended.wait(pause_s):
            try:
                for claim, standing in zip(held, self._ledger.renew_all(held), strict=True):
                    if standing != "held":  # never back to "held": the slot may have heard otherwise meanwhile
                        self._standing[claim.task] = standing
                last_renewal, pause_s = time.monotonic(), self._every_s
            except redis.RedisError as error:
                away_s = time.monotonic() - last_renewal
                tasks = ", ".join(claim.task for claim in held)
                logger.warning("lease of task %s not renewed for %.0f s: %s", tasks, away_s, error)
                pause_s = min(self._every_s, _TRY_AGAIN_S)
