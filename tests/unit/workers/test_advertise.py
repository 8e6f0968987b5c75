"""An upkeep that Redis breaks off half-way: the next one joins every queue, whatever the broken one had done."""

import kombu.exceptions
import pytest
import redis

from tests.support.builders import capability
from workers.steps.advertise import Advertise

QUEUES = ["detect.any.1g", "detect.any.512m"]


class Consumer:
    """Listens as Celery's does; the connection is lost while it joins a queue, as often as it is told."""

    hostname = "small@yard"

    def __init__(self):
        self.listening = []
        self.failures = []
        self.app = self
        self.amqp = self
        self.queues = self

    def add(self, queue):
        pass

    def cancel_task_queue(self, queue):
        if queue in self.listening:
            self.listening.remove(queue)

    def add_task_queue(self, queue):
        if self.failures:
            raise self.failures.pop()
        if queue not in self.listening:
            self.listening.append(queue)


class Registry:
    def __init__(self):
        self.queues, self.published = list(QUEUES), 0

    def publish_advert(self, _advert, _vitals):
        self.published += 1


class Monitor:
    def vitals(self):
        return None


class Draining:
    on = False

    def look(self, _node):
        pass

    def noted_in(self, vitals):
        return vitals

    def end_if_idle(self, _vitals):
        pass


class Watch:
    def look(self):
        pass


@pytest.fixture
def step(monkeypatch):
    step = Advertise.__new__(Advertise)
    step._registry, step._capability = Registry(), capability("3g", slots=1, threads=1)
    step._listening, step._upkeeps, step._redis_was_away, step._open = [], 0, False, True
    step._watch, step._monitor, step._draining = Watch(), Monitor(), Draining()
    monkeypatch.setattr(step, "_publish_models", lambda _consumer: None)
    monkeypatch.setattr(step, "_publish_warm_ones", lambda: None)
    monkeypatch.setattr(step, "_wanted", lambda _consumer: list(step._registry.queues))
    monkeypatch.setattr(step, "_advert", lambda _consumer: None)
    return step


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("cut"), kombu.exceptions.OperationalError("cut")], ids=["redis", "kombu"]
)
def test_all_queues_are_joined_again_in_their_order(step, error):
    # Given a worker that listens
    consumer = Consumer()
    step._upkeep(consumer)
    step._upkeep(consumer)
    assert consumer.listening == QUEUES

    # When a queue comes into use, and Redis goes away while it is joined, and the queue goes out of use again
    step._registry.queues = ["detect.any.2g", *QUEUES]
    consumer.failures = [error]
    step._upkeep(consumer)
    assert consumer.listening == []
    step._registry.queues = list(QUEUES)
    step._upkeep(consumer)

    # Then it listens as before
    assert consumer.listening == QUEUES
    assert step._registry.published == 3
