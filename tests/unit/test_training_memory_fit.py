"""training.memory_fit: the numbers by which workers admit batches must never promise too little."""

import pytest

from training.memory_fit import Fit, Sample, fit

LOADS = [(1, 1.0), (4, 1.0), (16, 1.0), (16, 0.3), (1, 8.0), (4, 4.0)]


def samples(true: Fit, surprise_bytes: int = 0) -> list[Sample]:
    exact = [Sample(n, area, round(true.predict(Sample(n, area, 0)))) for n, area in LOADS]
    return [*exact[:-1], Sample(*LOADS[-1], exact[-1].peak_bytes + surprise_bytes)]


def test_a_plane_is_found_again() -> None:
    true = Fit(base_bytes=235_000_000, per_image_bytes=9_000_000, per_megapixel_bytes=40_000_000)

    found = fit(samples(true))

    assert vars(found) == pytest.approx(vars(true), abs=10)


def test_no_measured_peak_lies_above_the_plane() -> None:
    measured = samples(Fit(235_000_000, 9_000_000, 40_000_000), surprise_bytes=70_000_000)

    found = fit(measured)

    assert all(found.predict(sample) >= sample.peak_bytes for sample in measured)


def test_no_cost_is_negative() -> None:
    found = fit(samples(Fit(235_000_000, -3_000_000, 40_000_000)))

    assert found.per_image_bytes == 0
    assert found.per_megapixel_bytes > 0
