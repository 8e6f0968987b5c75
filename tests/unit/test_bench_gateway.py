"""The arithmetic of the gateway's benchmark."""

import math
from collections import Counter

import pytest

from benchmarks.gateway import Seen, percentile, report


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0, 1.0, 2.0], 0.5, 2.0), ([1.0], 0.99, 1.0), ([float(n) for n in range(1, 101)], 0.99, 99.0)],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_percentile_of_nothing() -> None:
    assert math.isnan(percentile([], 0.5))


def test_what_was_promised_is_no_mistake() -> None:
    assert Seen(Counter({"200": 5, "429": 3, "504": 1})).mistakes == 0
    assert Seen(Counter({"200": 5, "503": 2, "ReadError": 1})).mistakes == 3


def test_report() -> None:
    told = report(Seen(Counter({"200": 2, "429": 1}), [0.1, 0.3], 64 * 1024**2), 2.0)

    assert told.splitlines() == [
        "answers   2 × 200, 1 × 429",
        "images    1.0/s",
        "latency   p50 100 ms, p99 300 ms, mean 200 ms",
        "memory    64 MiB of the gateway at most",
    ]
