"""Events of tasks wait a moment for each other."""

from types import SimpleNamespace

import pytest

from workers import consumer as module
from workers.consumer import Consumer


class Hub:
    def __init__(self):
        self.later = []

    def call_later(self, delay_s, callback):
        self.later.append((delay_s, callback))


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now.s)
    return now


@pytest.fixture
def consumer():
    made = Consumer.__new__(Consumer)  # its own __init__ wants a whole worker
    made.hub, made.event_dispatcher, made._events_due_s = Hub(), SimpleNamespace(flush=lambda: None), 0.0
    return made


@pytest.mark.usefixtures("clock")
def test_one_flush_is_due_for_all_events_of_a_moment(consumer):
    for _ in range(3):
        consumer.on_send_event_buffered()

    ((delay_s, flush),) = consumer.hub.later
    assert 0 < delay_s <= 0.2
    assert flush == consumer._flush_events


def test_a_flush_that_a_lost_connection_took_along_is_made_up_for(consumer, clock):
    consumer.on_send_event_buffered()
    clock.s += 1

    consumer.on_send_event_buffered()

    assert len(consumer.hub.later) == 2
