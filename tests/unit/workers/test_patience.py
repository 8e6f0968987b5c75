import kombu.exceptions
import pytest
import redis

from workers import patience
from workers.patience import patiently


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0
        self.pauses = []

    def monotonic(self):
        return self.now_s

    def sleep(self, pause_s):
        self.pauses.append(pause_s)
        self.now_s += pause_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def failing(times: int, error: Exception):
    left = [error] * times

    def call():
        if left:
            raise left.pop()
        return "answer"

    return call


def test_an_answer_is_given_at_once(clock):
    assert patiently(lambda: "answer") == "answer"
    assert clock.pauses == []


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("slow"),
        redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
        redis.ResponseError("NOREPLICAS Not enough good replicas to write."),
        redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        kombu.exceptions.OperationalError("a bell could not be rung"),
    ],
    ids=str,
)
def test_a_redis_that_comes_back_is_waited_for_with_growing_pauses(clock, error):
    assert patiently(failing(7, error)) == "answer"
    assert clock.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_redis_that_is_still_loading_its_file_is_away_too(clock):
    assert patiently(failing(2, redis.BusyLoadingError("loading the dataset in memory"))) == "answer"
    assert len(clock.pauses) == 2


def test_patience_ends_with_the_last_error(clock):
    with pytest.raises(redis.ConnectionError, match="refused"):
        patiently(failing(10_000, redis.ConnectionError("refused")), patience_s=30)

    assert 25 < clock.now_s <= 30


@pytest.mark.parametrize("error", [redis.ResponseError("WRONGTYPE"), ValueError("ours"), MemoryError()])
def test_what_waiting_cannot_help_is_raised_at_once(clock, error):
    with pytest.raises(type(error)):
        patiently(failing(1, error))
    assert clock.pauses == []
