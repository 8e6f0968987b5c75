"""workers.profile.fit: the numbers by which workers admit batches must never promise too little."""

import pytest

from contract.batch_memory import peak_bytes
from contract.model_spec import Memory
from workers.profile.fit import BELOW, RUN_TO_RUN, Sample, error, fit

MB = 1_000_000
WARM = 235 * MB
LOADS = [(1, 1.0), (2, 1.0), (8, 1.0), (24, 1.0), (1, 0.25), (1, 4.0), (4, 4.0)]


def samples(base_mb: int, per_image_mb: int, per_megapixel_mb: int, batch="dynamic", surprise_mb: int = 0):
    true = Memory(base_bytes=base_mb * MB, per_image_bytes=per_image_mb * MB, per_megapixel_bytes=per_megapixel_mb * MB)
    exact = [Sample(n, area, peak_bytes(true, batch, n, area)) for n, area in LOADS]
    return [*exact[:-1], Sample(*LOADS[-1], exact[-1].peak_bytes + surprise_mb * MB)]


def test_a_plane_is_found_again_one_percent_higher() -> None:
    found = fit(samples(235, 9, 40), WARM)

    assert found.base_bytes == pytest.approx(235 * MB * RUN_TO_RUN, abs=10)
    assert found.per_image_bytes == pytest.approx(9 * MB * RUN_TO_RUN, abs=10)
    assert found.per_megapixel_bytes == pytest.approx(40 * MB * RUN_TO_RUN, abs=10)
    assert found.fit_error == pytest.approx(RUN_TO_RUN - 1, abs=1e-4)


@pytest.mark.parametrize(("surprise_mb", "below"), [(0, 0), (70, 0), (400, 0.02)])
def test_no_measured_peak_lies_above_the_plane_but_a_little_where_it_would_be_far_too_dear(surprise_mb, below) -> None:
    measured = samples(240, 9, 40, surprise_mb=surprise_mb)

    found = fit(measured, WARM)

    assert min(error(found, sample, "dynamic") for sample in measured) >= -below - 1e-6


def test_the_error_is_the_largest_one_and_as_small_as_can_be() -> None:
    # Given memory that grows less than in proportion, as measured of defects-large
    measured = [
        Sample(n, area, mb * MB)
        for n, area, mb in [(1, 1, 311), (2, 1, 387), (8, 1, 657), (16, 1, 910), (1, 0.25, 273), (1, 4, 472)]
    ]

    found = fit(measured, 259 * MB)

    errors = [error(found, sample, "dynamic") for sample in measured]
    assert found.fit_error == pytest.approx(max(errors), abs=1e-4)
    assert min(errors) >= BELOW - 1 - 1e-6
    assert max(errors) < 0.12


def test_no_cost_is_negative_and_the_base_is_what_a_warm_process_holds() -> None:
    # Given peaks that grow less than in proportion to the images, and begin below a warm process
    measured = [Sample(n, area, int((200 - 3 * n + 40 * n * area) * MB)) for n, area in LOADS]

    found = fit(measured, WARM)

    assert found.per_image_bytes >= 0
    assert found.per_megapixel_bytes > 0
    assert found.base_bytes >= WARM


def test_from_one_sample_alone_a_larger_batch_costs_more() -> None:
    found = fit([Sample(1, 1.0, 300 * MB)], WARM)

    assert found.base_bytes == WARM
    assert found.predict(8, 1.0) == pytest.approx(WARM + 8 * (300 * MB * RUN_TO_RUN - WARM), abs=10)


@pytest.mark.parametrize("batch", ["one", 4])
def test_images_that_wait_for_their_call_cost_their_pixels_only(batch) -> None:
    measured = samples(250, 30, 20, batch)

    found = fit(measured, WARM, batch)

    assert 0 <= max(error(found, sample, batch) for sample in measured) < 0.05
