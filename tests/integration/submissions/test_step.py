"""The step of a worker that looks for submissions."""

from types import SimpleNamespace

import pytest

from contract import keys
from contract.settings import PREFIX
from contract.submit_message import SUBMIT_TASK
from tests.support.builders import advert, spec
from workers.steps.submissions import TakeSubmissions

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"


@pytest.fixture
def events():
    """(kind, fields) of what is told to Flower."""
    return []


@pytest.fixture
def look(monkeypatch, settings, app, events):
    """One look of the worker small@yard, by its timer."""
    monkeypatch.setenv(PREFIX + "REDIS_URL", settings.redis_url)
    timed = []
    timer = SimpleNamespace(call_repeatedly=lambda _seconds, call: timed.append(call))
    dispatcher = SimpleNamespace(send=lambda kind, **fields: events.append((kind, fields)))
    consumer = SimpleNamespace(hostname="small@yard", app=app, timer=timer, event_dispatcher=dispatcher)
    TakeSubmissions(consumer).start(consumer)
    return timed[0]


def test_a_worker_answers_once_it_offers_something(look, send, submissions, registry):
    send()
    look()
    assert submissions.waiting() == 1, "it would say that nobody can run the model"

    registry.publish_model(spec())
    registry.publish_advert(advert("small@yard"))
    look()

    assert submissions.waiting() == 0
    there = submissions.get("j1")
    assert there.state == "accepted"


@pytest.mark.usefixtures("fleet")
def test_one_worker_at_a_time(look, send, submissions, redis_client):
    send()
    with redis_client.lock(keys.SUBMITTER_LOCK, timeout=10):
        look()
        assert submissions.waiting() == 1

    look()
    assert submissions.waiting() == 0


@pytest.mark.usefixtures("fleet")
def test_trouble_is_said_once_and_does_not_end_the_worker(look, submissions, redis_client, caplog, send):
    redis_client.set(SUBMIT_TASK, "no list at all")

    look()
    look()

    assert caplog.text.count("submissions wait") == 1
    redis_client.delete(SUBMIT_TASK)
    send()
    look()
    assert submissions.waiting() == 0


@pytest.mark.usefixtures("fleet")
def test_flower_sees_tasks(look, send, events, submissions, redis_client):
    good = send(images=[f"/in/{number}.jpg" for number in range(1000)])
    bad = send(job="j2", model="nobody")
    redis_client.lpush(SUBMIT_TASK, "no message")

    look()
    if submissions.waiting():  # a busy machine: the slice of time is over
        look()

    told = [(kind, fields["uuid"]) for kind, fields in events]
    assert told == [
        *(("task-received", good), ("task-started", good), ("task-succeeded", good)),
        *(("task-received", bad), ("task-started", bad), ("task-failed", bad)),
    ]
    assert len(events[0][1]["kwargs"]) < 1000
    assert events[2][1]["result"] == "job j1: 1000 images for defects-small@1"
    assert "model_unknown: unknown model 'nobody'" in events[5][1]["exception"]
