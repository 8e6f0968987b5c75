"""Kombu's Redis transport, made to survive what is no message.

Anything with access to Redis can push onto a queue. Stock kombu 5.7 lets what it cannot read escape into the event
loop, where it ends the worker; the element is popped by then, so each one costs a worker.
"""

import json
from typing import Any

from kombu.transport import redis as kombu_redis

from contract import sentinel_transport
from contract.queues import is_queue
from contract.settings import Settings
from workers.envelope import flaw_of
from workers.refusals import refuse


class _Refusing:
    """For a channel of any Redis transport."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            refuse(f"it is not JSON ({error})", getattr(error, "doc", getattr(error, "object", b"")))
            return True


class _Checking:
    """For any Redis transport."""

    channels: list[Any]

    def _deliver(self, message: Any, queue: str) -> None:
        flaw = flaw_of(message) if _carries_tasks(queue) else None
        if flaw is not None:
            refuse(f"it is no Celery message: {flaw}", message)
            return
        try:
            self.channels[0].Message(message, channel=self.channels[0])
        except Exception as error:  # a body that its encoding does not fit, or an encoding that nobody knows
            refuse(f"its body cannot be decoded ({type(error).__name__}: {error})", message)
        else:
            super()._deliver(message, queue)  # type: ignore[misc]


class Channel(_Refusing, kombu_redis.Channel):  # type: ignore[misc]  # kombu has no types
    pass


class Transport(_Checking, kombu_redis.Transport):  # type: ignore[misc]
    Channel = Channel


class SentinelChannel(_Refusing, sentinel_transport.SentinelChannel):
    pass


class SentinelTransport(_Checking, sentinel_transport.SentinelTransport):
    Channel = SentinelChannel


def transport_for(settings: Settings) -> str:
    """For Celery's `broker_transport`."""
    kind = Transport if settings.sentinel is None else SentinelTransport
    return f"{kind.__module__}:{kind.__qualname__}"


def _carries_tasks(queue: str) -> bool:
    """Not so remote control and events: workers, `celery inspect` and Flower get theirs through this transport too."""
    return is_queue(queue) or queue.startswith("vedette.")
