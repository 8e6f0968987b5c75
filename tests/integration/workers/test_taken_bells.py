"""A bell between queue and slot: the worker that took it holds it in memory, and gives it back when it leaves."""

import pytest
from celery import Celery

from contract.doorbell import bell_app, celery_queue, ring
from contract.messages import DetectMessage
from workers.celery_app import celery_config

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"
MESSAGE = DetectMessage(job="job-1", task="task-1", model="defects-small@1", batch_size=8)


@pytest.fixture
def channel(monkeypatch, settings):
    monkeypatch.setenv("VEDETTE_REDIS_URL", settings.redis_url)
    with bell_app(settings) as ringing:
        ring(ringing, MESSAGE, QUEUE)
    with Celery("leaving", set_as_current=False) as app:
        app.conf.update(celery_config())
        with app.connection() as connection, connection.channel() as channel:
            yield channel


def taken(channel):
    """The bell, as a consumer that acknowledges it later gets it."""
    return celery_queue(QUEUE).bind(channel).get(no_ack=False)


def test_a_bell_that_no_slot_took_is_back_when_the_worker_has_left(channel, redis_client):
    assert taken(channel).headers["id"] == MESSAGE.task
    assert redis_client.llen(QUEUE) == 0

    channel.close()

    assert redis_client.llen(QUEUE) == 1


def test_a_bell_that_a_slot_took_is_not(channel, redis_client):
    taken(channel).ack()

    channel.close()

    assert redis_client.llen(QUEUE) == 0


def test_nothing_is_written_down_in_redis_meanwhile(channel, redis_client):
    taken(channel)

    assert not redis_client.exists("unacked", "unacked_index")
