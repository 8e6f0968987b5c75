"""Kombu's Redis transport, made to survive what is no message.

Anything with access to Redis can push onto a queue. Stock kombu 5.7 lets what it cannot read escape into the event
loop, where it ends the worker; the element is popped by then, so each one costs a worker.
"""

import json
from typing import Any

from kombu.transport import redis as kombu_redis

from workers.refusals import refuse


class Channel(kombu_redis.Channel):  # type: ignore[misc]  # kombu has no types
    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            refuse(f"it is not JSON ({error})", getattr(error, "doc", getattr(error, "object", b"")))
            return True


class Transport(kombu_redis.Transport):  # type: ignore[misc]  # kombu has no types
    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            self.channels[0].Message(message, channel=self.channels[0])
        except Exception as error:  # whatever the wrong shape trips over
            refuse(f"it is no Celery message ({type(error).__name__}: {error})", message)
        else:
            super()._deliver(message, queue)
