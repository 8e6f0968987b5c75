"""Redis that is away or cannot serve: at once an error, or after some patience one.

The first contact fails at once, for there a person waits who may have mistyped an address. In the middle of a job a
restart of Redis or of the network in between, a failover, or a Redis that is full for a moment is sat out. This module
decides for how long; `contract.connection` retries single commands for a fraction of a second, which a restart
outlasts, and `contract.outage` tells what passes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

import kombu.exceptions
import redis

from contract.connection import reachable, shown_url
from contract.errors import RedisUnreachable
from contract.outage import is_passing
from contract.settings import Settings
from producer.errors import RedisRefused

#: How long Redis may be away in the middle of a job.
PATIENCE: Final = timedelta(seconds=30)
_PAUSE_S: Final = 0.5

Answer = TypeVar("Answer")


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """RedisUnreachable or RedisRefused for whatever redis-py and kombu raise."""
    try:
        with reachable(settings):
            yield
    except kombu.exceptions.OperationalError as error:
        if isinstance(error.__cause__, redis.ResponseError):
            raise _refused(settings, error.__cause__) from error
        raise RedisUnreachable(f"no Redis at {shown_url(settings.redis_url)} ({error})") from error
    except redis.ResponseError as error:
        raise _refused(settings, error) from error


def _refused(settings: Settings, error: redis.ResponseError) -> RedisRefused:
    return RedisRefused(f"Redis at {shown_url(settings.redis_url)} refused: {error}")


def outlast(call: Callable[[], Answer], settings: Settings, patience: timedelta) -> Answer:
    """What `call` gives, once Redis serves; RedisUnreachable or RedisRefused after `patience`, or at once when waiting
    cannot help. `call` may run more than once.
    """
    give_up = time.monotonic() + patience.total_seconds()
    while True:
        try:
            with answering(settings):
                return call()
        except (RedisUnreachable, RedisRefused) as error:
            if not is_passing(error.__cause__) or time.monotonic() + _PAUSE_S > give_up:
                raise
        time.sleep(_PAUSE_S)
