"""Celery's consumer, with four differences: what is refused is counted, a lost connection repeats nothing, a Redis that
refuses writes is waited for, and events are sent together.

A message that is no task of ours is acknowledged, counted in the registry by code and named in one log line; stock
Celery logs a stack trace. On a lost connection, stock Celery 5.7 pushes deliveries that still run back to the queue,
or dies doing so (celery PR #10242); the ledger answers for them, so they are left alone. Celery writes while it
connects and right after; where a full Redis refuses that, stock Celery drops the connection unclosed and tries again at
once: 700 sockets a minute. Stock Celery sends the three events of a task one by one, which costs a worker's main
process as much time as all else that it does for the task.
"""

import time
from contextlib import suppress
from typing import Any, Final

import redis
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer as CeleryConsumer

from workers.refusals import refuse

logger = get_logger(__name__)

#: Between two attempts with a Redis that answers and refuses.
_REFUSED_PAUSE_S: Final = 1.0
#: Events of tasks go out together after this long, or once there are two dozen.
_EVENTS_WAIT_S: Final = 0.1


class Consumer(CeleryConsumer):  # type: ignore[misc]  # Celery has no types
    def __init__(self, *args: Any, **options: Any) -> None:
        # Mingle and gossip make a starting worker wait a second and tell all workers about each other: no use here.
        super().__init__(*args, **{**options, "without_mingle": True, "without_gossip": True})
        self._events_due_s = 0.0

    def connect(self) -> Any:
        connection = self.connection_for_read(heartbeat=self.amqheartbeat)
        try:
            if self.hub:
                connection.transport.register_with_event_loop(connection.connection, self.hub)
        except Exception:
            with suppress(Exception):
                connection.close()
            raise
        return connection

    def on_send_event_buffered(self) -> None:
        now_s = time.monotonic()
        if self.hub and now_s >= self._events_due_s:  # by time: a lost connection may take the timer along
            self._events_due_s = now_s + _EVENTS_WAIT_S
            self.hub.call_later(_EVENTS_WAIT_S, self._flush_events)

    def shutdown(self) -> None:
        with suppress(*self.connection_errors):
            self._flush_events()
        super().shutdown()

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        super().on_connection_error_before_connected(exc)
        time.sleep(_REFUSED_PAUSE_S)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._refuse(message, f"its body cannot be decoded: {exc}")

    def on_unknown_message(self, _body: Any, message: Any) -> None:
        self._refuse(message, "it has no Celery headers (message protocol 2 is expected)")

    def on_unknown_task(self, _body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"no task is called {exc.args[0]!r:.80}")

    def on_invalid_task(self, _body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"it is no valid task message: {exc}")

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        channel = getattr(self.task_consumer, "channel", None)
        if channel is not None:
            channel.do_restore = False
        super().on_connection_error_after_connected(exc)
        if isinstance(exc, redis.ResponseError):  # a Redis that answers and refuses: full, or without a disk
            time.sleep(_REFUSED_PAUSE_S)

    def _refuse(self, message: Any, reason: str) -> None:
        message.ack_log_error(logger, self.connection_errors)
        refuse(reason, message.body)
