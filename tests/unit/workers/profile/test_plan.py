"""workers.profile.plan: which load comes next. Models here are formulas instead of processes."""

import pytest

from contract.model_io import Signature
from workers.profile.outcome import Ran, Stopped
from workers.profile.plan import QUICK, THOROUGH, Taken, frame, next_step
from workers.profile.protocol import Report


def report(load, beside, images_per_s):
    batches = {load.batch, *beside}
    return Report(
        import_s=2.0,
        imported_bytes=200,
        load_s=1.0,
        loaded_bytes=220,
        first_call_s=0.1,
        warm_bytes=230,
        call_s=(1.0,),
        fastest_s={batch: batch / images_per_s(batch) for batch in batches},
        settled_bytes=300,
        peak_bytes=300,
    )


def walk(
    *,
    signature=None,
    effort=QUICK,
    threads=2,
    image_megapixels=1.0,
    images_per_s=lambda _batch: 50.0,
    sees_pixels=False,
    fits=None,
):
    """Every step to the end, with what came of it."""

    def speed(load):
        return lambda batch: images_per_s(batch) / (load.megapixels if sees_pixels else 1)

    taken = []
    while step := next_step(signature or Signature(), image_megapixels, threads, effort, taken):
        assert len(taken) < 50
        if fits is None or fits(step.load):
            outcome = Ran(step.load, report(step.load, step.beside, speed(step.load)), 300)
        else:
            outcome = Stopped(step.load, "memory", "does not fit")
        taken.append(Taken(step, outcome))
    return taken


def batches(taken, leg):
    return [one.step.load.batch for one in taken if one.step.leg == leg]


def test_a_quick_plan() -> None:
    taken = walk()

    assert batches(taken, "batch") == [1, 2, 8, 24]
    assert [(one.step.load.batch, round(one.step.load.megapixels, 1)) for one in taken if one.step.leg == "size"] == [
        (1, 0.2),
        (1, 4.0),
        (4, 4.0),
    ]
    assert batches(taken, "check") == [4, 16]
    assert [(one.step.load.batch, one.step.beside) for one in taken if one.step.leg == "speed"] == [
        (24, (1, 2, 4, 8, 16))
    ]
    assert [(one.step.load.batch, one.step.load.threads) for one in taken if one.step.leg == "threads"] == [(1, 1)]


def test_checks_are_of_loads_that_the_fit_has_not_seen() -> None:
    taken = walk(effort=THOROUGH)

    seen = {one.step.load for one in taken if one.step.leg in ("batch", "size")}
    checks = [one.step.load for one in taken if one.step.leg == "check" and one.step.load.batch > 1]
    assert len(checks) == 2
    assert not seen & set(checks)


@pytest.mark.parametrize(
    ("speed", "last"),
    [
        pytest.param(lambda _: 50.0, 24, id="no gain: no more than the fit needs"),
        pytest.param(lambda batch: 50.0 + batch, 64, id="each is faster: to the end"),
        pytest.param(lambda batch: 50.0 + min(batch, 32), 64, id="the gain ends at 32: 64 shows it"),
    ],
)
def test_batches_grow_as_long_as_they_pay(speed, last) -> None:
    assert batches(walk(effort=THOROUGH, images_per_s=speed), "batch")[-1] == last


def test_what_does_not_fit_ends_its_direction() -> None:
    # Given a model of which 5 megapixels at once fit
    taken = walk(fits=lambda load: load.batch * load.megapixels < 5)

    # Then the first batch and the first size beyond are tried, and nothing larger in both
    assert batches(taken, "batch") == [1, 2, 8]
    assert [one.step.load.batch for one in taken if isinstance(one.outcome, Stopped)] == [8, 4]
    assert batches(taken, "check") == [4]
    assert [one.step.load.batch for one in taken if one.step.leg == "speed"] == [4]


def test_a_slow_model_is_spared_the_large_batches() -> None:
    taken = walk(images_per_s=lambda _batch: 0.5)

    assert batches(taken, "batch") == [1, 2]
    assert batches(taken, "check") == [4]
    assert QUICK.call_max_s == 10


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (Signature(batch="one"), [1, 2, 8, 24]),
        (Signature(batch=4), [4, 8, 24]),
        (Signature(batch=16), [16, 32]),
        (Signature(size_px=(640, 640)), [1, 2, 8, 24]),
    ],
)
def test_a_signature_of_a_fixed_number_is_filled(signature, expected) -> None:
    assert batches(walk(signature=signature), "batch") == expected


def test_pixels_that_the_model_does_not_see_cost_no_time() -> None:
    slow = 0.7
    seen = walk(images_per_s=lambda _batch: slow, sees_pixels=True)
    resized = walk(images_per_s=lambda _batch: slow, signature=Signature(size_px=(320, 320)))

    assert max(one.step.load.batch * one.step.load.megapixels for one in resized if one.step.leg == "size") > 10
    assert max(one.step.load.batch * one.step.load.megapixels for one in seen if one.step.leg == "size") < 5


def test_a_thorough_plan_looks_at_the_size_that_the_model_is_meant_for() -> None:
    assert max(one.step.load.megapixels for one in walk(effort=THOROUGH, image_megapixels=24.0)) > 23
    assert max(one.step.load.megapixels for one in walk(effort=QUICK, image_megapixels=0.3)) < 1.3


@pytest.mark.parametrize(("threads", "fewer"), [(1, []), (2, [1]), (8, [4, 2, 1])])
def test_threads_are_halved(threads, fewer) -> None:
    taken = walk(threads=threads, effort=THOROUGH)

    assert [one.step.load.threads for one in taken if one.step.leg == "threads"] == fewer


@pytest.mark.parametrize(("megapixels", "size"), [(1.0, (1152, 864)), (4.0, (2304, 1728)), (0.0001, (16, 16))])
def test_a_frame(megapixels, size) -> None:
    assert frame(megapixels) == size
