"""The connection to Redis, and what its absence says to a person."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from contract.errors import RedisUnreachable
from contract.sentinel import master_of
from contract.settings import Settings
from contract.urls import shown_url as shown_url


def connect(settings: Settings, *, patient: bool = True, binary: bool = False) -> redis.Redis:
    """A client that decodes text, times out, and retries a short blip by itself. Does not connect yet.

    `binary`: gives bytes as they are, and has time for large ones.

    Behind Sentinel, its connections go to whichever server is the master when they are made.

    Not `patient`: fails after two seconds, or half a second for each Sentinel that is silent, for an event loop that
    must not stand still.
    """
    options = {
        "decode_responses": not binary,
        "socket_timeout": (60 if binary else 10) if patient else 2,
        "socket_connect_timeout": 5 if patient else 2,
        "health_check_interval": 30,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3 if patient else 0),
        "retry_on_error": [redis.ConnectionError, redis.TimeoutError],
    }
    if not settings.redis_url.startswith("unix:"):  # redis-py refuses it for a socket file
        options["socket_keepalive"] = True
    address = settings.sentinel
    if address is not None:
        return master_of(address, 1.0 if patient else 0.5, **options)
    return redis.Redis.from_url(settings.redis_url, **options)


@contextmanager
def reachable(settings: Settings) -> Iterator[None]:
    """Turns a refused, timed-out or unauthorised connection into one clear RedisUnreachable."""
    try:
        yield
    except redis.AuthenticationError as error:
        raise RedisUnreachable(f"Redis at {shown_url(settings.redis_url)} refused the password: {error}") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise RedisUnreachable(
            f"no Redis at {shown_url(settings.redis_url)} ({error}). "
            "Start one (`vedette up` brings its own), or set VEDETTE_REDIS_URL or --redis to where it runs."
        ) from error
