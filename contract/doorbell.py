"""The doorbell: one Celery message that says a task waits on a queue. Losing or doubling it costs time, never work.

Both wings ring: the producer when a task is added, a worker when it puts one back. So the Celery configuration that
the two must share stands here. Queues use Redis' default exchange: no bindings are left behind for queues that come
and go with models. Sources of the transport's behaviour: kombu/transport/redis.py of kombu 5.7.
"""

from collections.abc import Sequence
from typing import Any, Final

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Exchange, Queue
from kombu.exceptions import BatchPublishError
from kombu.utils.url import parse_url

from contract import tracing
from contract.messages import DETECT_TASK, DetectMessage
from contract.sentinel_url import kombu_url
from contract.settings import Settings

#: Imported by kombu when it is needed.
_SENTINEL_TRANSPORT: Final = "contract.sentinel_transport:SentinelTransport"
#: Characters of a line about a task, its queue and job not counted: an error of TensorFlow's may have thousands.
_TOLD_MAX: Final = 240
#: Publishing gives up after about five seconds and says so, instead of waiting for a dead Redis for ever.
_PUBLISH_RETRY: Final = {"max_retries": 5, "interval_start": 0.1, "interval_step": 0.4, "interval_max": 1.0}


def shared_celery_config(settings: Settings) -> dict[str, Any]:
    return {
        **_broker(settings),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_send_sent_event": True,
        "task_publish_retry_policy": _PUBLISH_RETRY,
        "task_protocol": 2,
        "enable_utc": True,
    }


def _broker(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        # Queue order by our priority (largest tier first); message priorities would override it.
        "queue_order_strategy": "priority",
        "priority_steps": [0],
        # Above BRPOP's own wait of a second, so that a half-open connection is noticed.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
    address = settings.sentinel
    if address is None:
        return {
            "broker_url": settings.redis_url,
            "broker_use_ssl": _tls(settings.redis_url),
            "broker_transport_options": options,
        }
    return {
        "broker_url": kombu_url(address),
        "broker_transport": _SENTINEL_TRANSPORT,
        "broker_use_ssl": dict(address.tls) if address.tls is not None else None,
        "broker_transport_options": {**options, "sentinel_address": address, "master_name": address.service},
    }


def _tls(url: str) -> dict[str, Any] | None:
    """For `rediss://`: the options of the URL. Without any, kombu would not look at the server's certificate."""
    if not url.startswith("rediss:"):
        return None
    return {"ssl_cert_reqs": "required", **parse_url(url).get("ssl", {})}


class DirectAMQP(AMQP):  # type: ignore[misc]  # Celery has no types
    """Queues on Redis' default exchange. Celery's own choice is an exchange per queue, whose bindings never expire."""

    @property
    def default_exchange(self) -> Exchange:
        return Exchange("", type="direct")

    @staticmethod
    def autoexchange(_queue: str) -> Exchange:
        """For queues that nobody declared: `-Q`, `celery control add_consumer`."""
        return Exchange("", type="direct")


def bell_app(settings: Settings) -> Celery:
    """A Celery application that can only ring: it knows no tasks and imports no worker."""
    app = Celery("vedette", amqp=DirectAMQP, set_as_current=False)
    app.conf.update(shared_celery_config(settings))
    return app


def celery_queue(name: str) -> Queue:
    return Queue(name, exchange=Exchange("", type="direct"), routing_key=name)


def ring(
    app: Celery,
    message: DetectMessage,
    queue: str,
    retries: int = 0,
    *,
    images: int | None = None,
    after: str = "",
    producer: Any = None,
) -> None:
    """Rings for `message.task` on `queue`. The Celery task id is the ledger's, whatever the attempt.

    `retries` attempts came before this one. `images`, those that are left to do, and `after`, why it rings again, are
    for people: see `told`.
    """
    app.send_task(
        DETECT_TASK,
        kwargs=message.model_dump(),
        task_id=message.task,
        queue=celery_queue(queue),
        retries=retries,
        argsrepr=told(message, queue, retries + 1, images, after),
        headers=tracing.headers(),
        producer=producer,
    )


def ring_all(app: Celery, bells: Sequence[tuple[DetectMessage, int]], queue: str) -> None:
    """`ring` for each message and its number of images, in one round trip.

    When that one fails, nobody knows which of them rang: all are rung one by one, with the patience of `ring`.
    """
    try:
        with app.producer_or_acquire() as producer, producer.batch():
            for message, images in bells:
                ring(app, message, queue, images=images, producer=producer)
    except BatchPublishError:
        for message, images in bells:
            ring(app, message, queue, images=images)


def told(message: DetectMessage, queue: str, attempt: int, images: int | None = None, after: str = "") -> str:
    """The task in one line, which Flower and `celery inspect` show in place of its positional arguments: it has none.

    `defects-small@1, 32 images, batch 8, attempt 2 after memory: SIGKILL by the kernel; detect.any.512m, job-1`
    """
    count = "" if images is None else f"{images} image{'' if images == 1 else 's'}, "
    again = f" after {after}" if after else ""
    line = f"{message.model}, {count}batch {message.batch_size}, attempt {attempt}{again}"
    return f"{line[:_TOLD_MAX]}; {queue}, {message.job}"
