"""Redis that is away: sat out, or told."""

from datetime import timedelta

import kombu.exceptions
import pytest
import redis

from contract.errors import JobUnknown, RedisUnreachable
from contract.settings import Settings, load_settings
from producer import outage
from producer.errors import RedisRefused

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(outage, "_PAUSE_S", 0.01)
    return load_settings(redis_url=NOBODY)


class Blip:
    """A call that fails as often as it is told, then answers."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "answer"


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("gone"), redis.TimeoutError("slow"), kombu.exceptions.OperationalError("gone")]
)
def test_a_blip_is_sat_out(nobody: Settings, error: Exception) -> None:
    assert outage.outlast(Blip(3, error), nobody, timedelta(seconds=5)) == "answer"


def test_patience_ends(nobody: Settings) -> None:
    blip = Blip(10_000, redis.ConnectionError("gone"))

    with pytest.raises(RedisUnreachable, match=r"no Redis at redis://127\.0\.0\.1:1/0 \(gone\)"):
        outage.outlast(blip, nobody, timedelta(seconds=0.05))

    assert blip.calls > 1


def test_a_wrong_password_does_not_get_better(nobody: Settings) -> None:
    blip = Blip(1, redis.AuthenticationError("WRONGPASS"))

    with pytest.raises(RedisUnreachable, match="refused the password"):
        outage.outlast(blip, nobody, timedelta(seconds=5))

    assert blip.calls == 1


def test_what_redis_will_not_do_is_told_at_once(nobody: Settings) -> None:
    blip = Blip(1, redis.exceptions.NoPermissionError("this user has no permissions"))

    with pytest.raises(RedisRefused, match=r"redis://127\.0\.0\.1:1/0 refused: this user has no permissions"):
        outage.outlast(blip, nobody, timedelta(seconds=5))

    assert blip.calls == 1


FULL = redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")


def of_a_bell(cause: Exception) -> Exception:
    error = kombu.exceptions.OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error", [FULL, redis.ResponseError("NOREPLICAS Not enough good replicas to write."), of_a_bell(FULL)], ids=str
)
def test_what_redis_will_do_later_is_waited_for_and_then_told(nobody: Settings, error: Exception) -> None:
    assert outage.outlast(Blip(3, error), nobody, timedelta(seconds=5)) == "answer"

    with pytest.raises(RedisRefused, match="refused: "):
        outage.outlast(Blip(10_000, error), nobody, timedelta(seconds=0.05))


def test_an_answer_that_is_an_error_is_an_answer(nobody: Settings) -> None:
    blip = Blip(1, JobUnknown("unknown job"))

    with pytest.raises(JobUnknown):
        outage.outlast(blip, nobody, timedelta(seconds=5))

    assert blip.calls == 1
