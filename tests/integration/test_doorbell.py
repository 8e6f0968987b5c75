"""The doorbell against a real Redis: what lies on the wire for workers in Python and producers in any language."""

import base64
import json
import time

import pytest
from celery.signals import before_task_publish
from kombu.exceptions import OperationalError

from contract.doorbell import bell_app, ring, ring_all
from contract.messages import DETECT_TASK, DetectMessage, read_message
from contract.settings import load_settings
from tests.support.redis_cost import redis_cost
from tests.support.redis_server import free_port

pytestmark = pytest.mark.integration

QUEUE = "detect.x86_64_v3.4g+avx512_vnni"
MESSAGE = DetectMessage(job="job-1", task="task-1", model="defects-small@1", batch_size=8)


@pytest.fixture
def app(settings):
    with bell_app(settings) as app:
        yield app


def test_a_ring_is_one_message_on_the_list_that_is_named_as_the_queue(app, redis_client):
    # When a bell rings
    ring(app, MESSAGE, QUEUE)

    # Then one message lies there, readable as JSON, with the ledger's id as Celery's
    assert redis_client.llen(QUEUE) == 1
    envelope = json.loads(redis_client.lindex(QUEUE, 0))
    assert envelope["headers"]["task"] == DETECT_TASK == "vedette.detect"
    assert envelope["headers"]["id"] == "task-1"
    assert envelope["headers"]["retries"] == 0
    assert envelope["content-type"] == "application/json"
    assert envelope["properties"]["body_encoding"] == "base64"
    assert envelope["properties"]["delivery_info"] == {"exchange": "", "routing_key": QUEUE}
    # And the body is Celery's protocol 2: args, kwargs, embed
    args, kwargs, embed = json.loads(base64.b64decode(envelope["body"]))
    assert args == []
    assert kwargs == {"v": 1, "job": "job-1", "task": "task-1", "model": "defects-small@1", "batch_size": 8}
    assert set(embed) == {"callbacks", "errbacks", "chain", "chord"}
    assert read_message(DetectMessage, kwargs) == MESSAGE


def test_a_queue_that_comes_and_goes_leaves_no_binding_behind(app, redis_client):
    # Celery's own queues would write _kombu.binding.<queue>, a set that never ends.
    ring(app, MESSAGE, QUEUE)

    assert list(redis_client.scan_iter()) == [QUEUE]


def test_a_queue_that_celery_makes_by_itself_leaves_none_either(app, redis_client):
    # `celery worker -Q …`, `celery control add_consumer …`: Celery looks up a name that nobody has declared.
    unknown = app.amqp.queues[QUEUE]

    with app.connection_for_write() as connection:
        unknown(connection.default_channel).declare()

    assert list(redis_client.scan_iter()) == []


def test_the_same_task_can_be_rung_for_again_with_the_attempt_shown(app, redis_client):
    ring(app, MESSAGE, "detect.any.1g")
    ring(app, MESSAGE.model_copy(update={"batch_size": 4}), "detect.any.1g", 1, images=7, after="memory: no more")

    newest, oldest = (json.loads(text) for text in redis_client.lrange("detect.any.1g", 0, -1))
    assert (oldest["headers"]["id"], oldest["headers"]["retries"]) == ("task-1", 0)
    assert (newest["headers"]["id"], newest["headers"]["retries"]) == ("task-1", 1)
    assert newest["headers"]["argsrepr"] == (
        "defects-small@1, 7 images, batch 4, attempt 2 after memory: no more; detect.any.1g, job-1"
    )


def bells(count):
    return [(MESSAGE.model_copy(update={"task": f"task-{n}"}), n) for n in range(count)]


def rung(redis_client):
    """Names of the tasks, the first that rang first."""
    return [json.loads(text)["headers"]["id"] for text in reversed(redis_client.lrange(QUEUE, 0, -1))]


def test_many_bells_ring_in_order_and_together(app, redis_client):
    ring(app, MESSAGE, QUEUE)  # connects
    redis_client.delete(QUEUE)

    with redis_cost(redis_client) as cost:
        ring_all(app, bells(50), QUEUE)

    assert rung(redis_client) == [f"task-{n}" for n in range(50)]
    assert cost.round_trips == 1
    last = json.loads(redis_client.lindex(QUEUE, 0))
    assert last["headers"]["argsrepr"].startswith("defects-small@1, 49 images, batch 8, attempt 1;")


def test_bells_that_did_not_all_ring_ring_again_one_by_one(app, redis_client):
    # Given a Redis that is full until all bells were tried together
    rings = []

    def make_room(**_message):
        rings.append(1)
        if len(rings) == 51:
            redis_client.config_set("maxmemory", 0)

    redis_client.config_set("maxmemory", 1)
    before_task_publish.connect(make_room)
    try:
        ring_all(app, bells(50), QUEUE)
    finally:
        before_task_publish.disconnect(make_room)
        redis_client.config_set("maxmemory", 0)

    assert len(rings) == 100
    assert rung(redis_client) == [f"task-{n}" for n in range(50)]


def test_ringing_without_a_redis_gives_up_instead_of_waiting_for_ever():
    settings = load_settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    started = time.monotonic()
    with bell_app(settings) as app, pytest.raises(OperationalError, match="refused"):
        ring(app, MESSAGE, QUEUE)

    assert time.monotonic() - started < 10
