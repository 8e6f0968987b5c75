"""Outlasting a Redis that cannot serve for a moment: restarted, failed over, cut off, full."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from celery.utils.log import get_logger

from contract.outage import RedisTrouble, is_passing

logger = get_logger(__name__)
T = TypeVar("T")

#: A restart with a large append-only file takes this long at most; after it the lease has run out anyway.
PATIENCE_S: Final = 60.0


def patiently(call: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """`call()`, tried again while Redis cannot serve, for up to `patience_s`. For calls that may safely be repeated."""
    give_up = time.monotonic() + patience_s
    pause_s = 0.1
    while True:
        try:
            return call()
        except RedisTrouble as error:
            if not is_passing(error) or time.monotonic() + pause_s > give_up:
                raise
            logger.warning("Redis is away (%s); trying again in %.1f s", error, pause_s)
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 2.0)
