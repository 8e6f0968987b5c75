import pytest

from workers.doctor.facts import RedisFacts
from workers.doctor.redis import redis_findings

URL = "redis://yard:6379/0"
GOOD = {"redis_version": "7.2.4", "aof_enabled": 1, "maxmemory": 0, "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, {"redis": "ok"}),
        ({"redis_version": "6.2.0"}, {"redis": "ok"}),
        ({"redis_version": "5.0.14"}, {"redis": "ok", "redis_old": "warning"}),
        ({"maxmemory_policy": "allkeys-lru"}, {"redis": "ok", "redis_evicts": "warning"}),
        ({"aof_enabled": 0}, {"redis": "ok", "redis_not_durable": "note"}),
        ({"redis_version": "unstable"}, {"redis": "ok"}),
    ],
)
def test_a_redis_that_answers(info: dict[str, object], expected: dict[str, str]) -> None:
    found = redis_findings(RedisFacts(URL, info={**GOOD, **info}))
    assert {finding.code: finding.level for finding in found} == expected


def test_no_redis_is_no_fault_of_the_machine() -> None:
    (found,) = redis_findings(RedisFacts(URL, error="Connection refused"))
    assert (found.code, found.level) == ("redis_unreachable", "note")
    assert "redis://yard:6379/0: Connection refused" in found.seen
