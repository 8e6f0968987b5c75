import logging

import pytest
import redis

from workers import refusals
from workers.refusals import refuse


@pytest.fixture
def counting(monkeypatch):
    """Stands for the registry; `away` is what it raises."""

    class Counting:
        counts: dict[str, int] = {}  # noqa: RUF012
        away: Exception | None = None

        def __init__(self, *_):
            pass

        def count_reject(self, code):
            if Counting.away is not None:
                raise Counting.away
            Counting.counts[code] = Counting.counts.get(code, 0) + 1
            return Counting.counts[code]

    monkeypatch.setattr(refusals, "Registry", Counting)
    return Counting


def test_a_refusal_is_counted_and_one_line(counting, caplog):
    caplog.set_level(logging.ERROR)

    refuse("it is not JSON", b"\x80\x81")
    refuse("it is not JSON", "x" * 10_000)

    assert counting.counts == {"message_invalid": 2}
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "message refused (message_invalid, 1 so far): it is not JSON; it reads b'\\x80\\x81'"
    assert len(second) < 400
    assert "\n" not in first + second


@pytest.mark.parametrize("away", [redis.ConnectionError("refused"), redis.TimeoutError("slow")])
def test_without_redis_it_is_logged_all_the_same(counting, caplog, away):
    counting.away = away

    refuse("it is not JSON", b"")

    assert "uncounted, Redis is away" in caplog.text
