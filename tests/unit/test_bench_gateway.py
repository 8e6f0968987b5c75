"""The arithmetic of the gateway's benchmark."""

import io
import math

import pytest
from rich.console import Console

from benchmarks.gateway import Seen, grows, percentile, summary, table, wrongs
from contract.memory import MIB


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0, 1.0, 2.0], 0.5, 2.0), ([1.0], 0.99, 1.0), ([float(n) for n in range(1, 101)], 0.99, 99.0)],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_percentile_of_nothing() -> None:
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("mib", "expected"),
    [
        ([], False),
        ([80] * 3, False),
        ([60, 80] + [120] * 6, False),  # what the first requests take
        ([100, 100, 110, 100, 104, 110, 100, 120], False),
        ([100, 150, 200, 250, 300, 350, 400, 450], True),
    ],
)
def test_memory_that_is_still_growing_at_the_end(mib: list[int], expected: bool) -> None:
    assert grows([each * MIB for each in mib]) is expected


def test_what_was_promised_is_not_wrong() -> None:
    assert wrongs(Seen({"200": [0.1], "429": [0.01], "504": [10.0]}, [80 * MIB] * 8)) == []


def test_what_is_wrong_is_named() -> None:
    assert wrongs(Seen({"429": [0.1], "503": [0.1, 0.1], "ReadError": [0.1]}, [MIB * n * 50 for n in range(8)])) == [
        "2 × 503, which nobody promised",
        "1 × ReadError, which nobody promised",
        "no image was answered",
        "the gateway's memory was still growing at the end",
    ]


def test_what_is_printed() -> None:
    seen = Seen({"429": [0.01], "200": [0.1, 0.3, 0.2]}, [60 * MIB, 64 * MIB, 62 * MIB])
    printed = io.StringIO()
    Console(file=printed, width=100).print(table(seen))

    assert [line.split() for line in printed.getvalue().splitlines()] == [
        ["answer", "count", "share", "p50", "p99", "max"],
        ["200", "3", "75.0%", "200", "ms", "300", "ms", "300", "ms"],
        ["429", "1", "25.0%", "10", "ms", "10", "ms", "10", "ms"],
    ]
    assert summary(seen, 2.0).splitlines() == [
        "images  1.5/s",
        "memory  of the gateway: 60 MiB at the start, 64 MiB at most",
    ]
