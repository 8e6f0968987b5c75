"""What a worker makes of an order to drain. A real worker does it in tests/integration/workers/test_drain.py."""

import os
import signal
from typing import Any

import pytest

from contract.drain import DrainOrder
from contract.vitals import Vitals
from workers import draining
from workers.draining import Draining

IDLE, BUSY = Vitals(node="small@yard", slots_busy=0), Vitals(node="small@yard", slots_busy=1)


class PlayedRedis:
    text: str | None = None

    def get(self, _key: str) -> str | None:
        return self.text


@pytest.fixture
def redis() -> PlayedRedis:
    return PlayedRedis()


@pytest.fixture
def worker(redis: PlayedRedis) -> Draining:
    return Draining(redis)  # type: ignore[arg-type]


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    return sent


def order(worker: Draining, **fields: Any) -> str:
    return DrainOrder(**{"instance": worker.instance, "drain": True, **fields}).model_dump_json()


def test_an_order_is_kept_to_when_it_is_gone_or_cannot_be_read(worker: Draining, redis: PlayedRedis) -> None:
    redis.text = order(worker)
    worker.look("small@yard")
    assert worker.on

    for text in (
        None,
        "no json",
        '{"v": 2, "instance": "x", "drain": false}',
        order(worker, instance="x", drain=False),
    ):
        redis.text = text
        worker.look("small@yard")
        assert worker.on, text

    redis.text = order(worker, drain=False)
    worker.look("small@yard")
    assert not worker.on


def test_it_ends_when_it_was_found_idle_twice_in_a_row(
    worker: Draining, redis: PlayedRedis, signals: list[Any]
) -> None:
    redis.text = order(worker, stop=True)
    worker.look("small@yard")
    for vitals in (BUSY, IDLE, BUSY, IDLE):
        worker.end_if_idle(vitals)
    assert signals == []

    worker.end_if_idle(IDLE)
    worker.end_if_idle(IDLE)

    assert signals == [(os.getpid(), signal.SIGTERM)]


@pytest.mark.parametrize("fields", [{"stop": False}, {"drain": False, "stop": True}])
def test_otherwise_it_goes_on(
    worker: Draining, redis: PlayedRedis, signals: list[Any], fields: dict[str, bool]
) -> None:
    redis.text = order(worker, **fields)
    worker.look("small@yard")
    for _ in range(3):
        worker.end_if_idle(IDLE)
    assert signals == []


def test_a_slot_that_has_a_message_and_no_claim_yet_is_busy_while_it_drains(
    worker: Draining, redis: PlayedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining.state, "reserved_requests", {"request"})
    assert worker.noted_in(IDLE) is IDLE

    redis.text = order(worker)
    worker.look("small@yard")

    assert worker.noted_in(IDLE) == Vitals(node="small@yard", draining=True, slots_busy=1)
