"""What a model call adds to the counters of its model, and how they are read."""

import pytest

from contract.ledger.counts import BATCH_BOUNDS, BatchRun, Histogram, ModelCounts, additions, latest


@pytest.mark.parametrize(
    ("run", "added"),
    [
        pytest.param(BatchRun(8, 2.0), {"batch:8": 1, "batch:sum": 8, "seconds:0.25": 8, "seconds:sum": 2_000_000}),
        pytest.param(BatchRun(9, 0.9), {"batch:16": 1, "batch:sum": 9, "seconds:0.1": 9, "seconds:sum": 900_000}),
        pytest.param(
            BatchRun(1000, 1e6), {"batch:inf": 1, "batch:sum": 1000, "seconds:inf": 1000, "seconds:sum": 10**12}
        ),
        pytest.param(
            BatchRun(1, 0.001, "1024m", predicted_bytes=1000, peak_bytes=700),
            {
                "batch:1": 1,
                "batch:sum": 1,
                "seconds:0.005": 1,
                "seconds:sum": 1000,
                "ratio:0.7": 1,
                "ratio:sum": 700,
            },
            id="a peak of 0.7 of what was expected",
        ),
        pytest.param(
            BatchRun(8, 2.0, machine="armv8.2a-1024m-1x2"),
            {
                "batch:8": 1,
                "batch:sum": 8,
                "seconds:0.25": 8,
                "seconds:sum": 2_000_000,
                "speed:armv8.2a-1024m-1x2:images": 8,
                "speed:armv8.2a-1024m-1x2:us": 2_000_000,
            },
            id="on a machine of a class",
        ),
    ],
)
def test_a_call_falls_into_one_bucket_of_each(run: BatchRun, added: dict[str, int]) -> None:
    assert additions(run) == added


def test_the_last_peak_of_a_class_replaces_the_one_before() -> None:
    run = BatchRun(1, 1.0, "1024m", predicted_bytes=1000, peak_bytes=700)

    assert latest(run) == {"peak:1024m:predicted": 1000, "peak:1024m:real": 700}
    assert latest(BatchRun(1, 1.0, "1024m", peak_bytes=700)) == {}


def test_what_was_added_is_read() -> None:
    fields = {name: str(number) for name, number in additions(BatchRun(8, 2.0)).items()}
    counts = ModelCounts.of(
        {
            **fields,
            "images:dead": "2",
            "failures:memory": "2",
            "attempts:done": "5",
            "kills:guard": "1",
            "peak:1024m:predicted": "1000",
            "peak:1024m:real": "700",
            "speed:x86_64_v3-1024m-1x2:images": "60",
            "speed:x86_64_v3-1024m-1x2:us": "1500000",
            "weather:fine": "1",
        }
    )

    assert (counts.images, counts.failures, counts.attempts, counts.kills) == (
        *({"dead": 2}, {"memory": 2}),
        *({"done": 5}, {"guard": 1}),
    )
    assert counts.batch == Histogram(BATCH_BOUNDS, (0, 0, 0, 1, 0, 0, 0, 0, 0, 0), 8)
    assert (counts.seconds.count, counts.seconds.sum, counts.ratio.count) == (8, 2.0, 0)
    assert counts.peaks == {"1024m": (1000, 700)}
    assert counts.speeds == {"x86_64_v3-1024m-1x2": (60, 1.5)}


def test_a_model_that_was_never_used_has_zeros() -> None:
    assert ModelCounts.of({}) == ModelCounts()
