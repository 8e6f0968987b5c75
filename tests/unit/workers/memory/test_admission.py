from typing import Any

import pytest

from contract.memory import GIB, MIB
from contract.model_spec import Memory
from workers.memory.admission import Admission, Budget, added_bytes, admit, outstanding_bytes
from workers.memory.blackbox import Entry

MB = 10**6
RESIZES = Memory(base_bytes=600 * MB, per_image_bytes=25 * MB)
GROWS = Memory(base_bytes=600 * MB, per_image_bytes=25 * MB, per_megapixel_bytes=10 * MB)


def budget(share: int = 2000 * MB, anon: int = 1100 * MB, free: int = 50 * GIB, **fields: Any) -> Budget:
    return Budget(share_bytes=share, anon_bytes=anon, free_bytes=free, tightest="host memory", **fields)


@pytest.mark.parametrize(
    ("memory", "megapixels", "options", "expected_mb"),
    [
        pytest.param(RESIZES, [1.0] * 8, {}, 230 + 96, id="the docstring's eight images"),
        pytest.param(RESIZES, [400.0], {}, 28.75 + 4800, id="the docstring's giant"),
        pytest.param(GROWS, [1.0] * 8, {}, 322 + 48, id="a fit that counts megapixels has the tensor in it"),
        pytest.param(GROWS, [1.0, 3.0], {}, 1.15 * (35 + 55) + 24, id="unlike images"),
        pytest.param(GROWS, [1.0, 3.0], {"batch_kind": "one"}, 1.15 * 55 + 24, id="one a call: the largest, once"),
        pytest.param(GROWS, [1.0, 3.0], {"batch_kind": 4}, 1.15 * 4 * 55 + 24, id="four a call: filled up to them"),
        pytest.param(
            GROWS, [1.0, 3.0], {"batch_kind": "one", "streams": 2}, 1.15 * 2 * 55 + 24, id="one a call, two at once"
        ),
        pytest.param(
            GROWS, [1.0, 3.0], {"batch_kind": 4, "streams": 2}, 1.15 * 4 * 55 + 24, id="no more calls than images fill"
        ),
        pytest.param(RESIZES, [1.0], {"load_bytes": 300 * MB}, 300 + 28.75 + 12, id="model not loaded yet"),
    ],
)
def test_what_a_batch_adds(
    memory: Memory, megapixels: list[float], options: dict[str, Any], expected_mb: float
) -> None:
    assert added_bytes(memory, megapixels, **options) == pytest.approx(expected_mb * MB, abs=2)


@pytest.mark.parametrize(
    ("wanted", "learned", "available", "batch", "limited_by"),
    [
        pytest.param(8, None, budget(), 8, "", id="as many as wanted"),
        pytest.param(64, None, budget(), 22, "the slot's share of 1.9 GiB", id="the share"),
        pytest.param(
            64,
            None,
            budget(free=400 * MB, promised_elsewhere_bytes=150 * MB),
            6,
            "host memory, 143 MiB promised to other slots",
            id="the machine, less what another slot was promised",
        ),
        pytest.param(64, None, budget(free=400 * MB, reserve_bytes=350 * MB), 1, "host memory", id="the reserve"),
        pytest.param(64, None, budget(kept_bytes=100 * MB), 24, "the slot's share", id="what the allocator kept"),
        pytest.param(64, 4, budget(), 4, "learned: this class of worker holds 4", id="learned"),
        pytest.param(3, 4, budget(), 3, "", id="learned, but fewer wanted"),
        pytest.param(64, 40, budget(), 22, "the slot's share", id="memory is tighter than what was learned"),
        pytest.param(1, 0, budget(), 1, "learned", id="one image is always tried"),
        pytest.param(8, None, budget(anon=1980 * MB), 0, "1 image would need", id="not even one"),
        pytest.param(8, None, budget(anon=2500 * MB), 0, "0 MiB available", id="above its share already"),
    ],
)
def test_the_largest_batch_that_fits(
    wanted: int, learned: int | None, available: Budget, batch: int, limited_by: str
) -> None:
    admission = admit(RESIZES, [1.0] * 64, wanted, learned, available)

    assert admission.batch == batch
    assert limited_by in admission.limited_by
    assert bool(limited_by) == bool(admission.limited_by)
    if batch:
        assert admission.predicted_bytes == added_bytes(RESIZES, [1.0] * batch) <= admission.available_bytes


def test_an_image_that_fits_nowhere_here_is_told_with_both_numbers() -> None:
    assert admit(RESIZES, [400.0, 1.0], 2, None, budget()) == Admission(
        batch=0,
        predicted_bytes=4_828_750_000,
        available_bytes=900 * MB,
        limited_by="1 image would need 4.5 GiB, 858 MiB available (the slot's share of 1.9 GiB)",
    )


def test_candidates_are_taken_from_the_front() -> None:
    assert admit(RESIZES, [1.0, 1.0, 400.0], 3, None, budget()).batch == 2


def test_fewer_candidates_than_wanted_is_no_limit() -> None:
    assert admit(RESIZES, [1.0] * 3, 8, None, budget()) == Admission(3, added_bytes(RESIZES, [1.0] * 3), 900 * MB)


def promise(promised: int, at: int, now: int, **fields: Any) -> Entry:
    return Entry(
        **{
            "pid": 1,
            "stage": "run",
            "promised_bytes": promised * MIB,
            "anon_at_promise_bytes": at * MIB,
            "anon_bytes": now * MIB,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("others", "expected_mib"),
    [
        ([], 0),
        ([promise(600, 900, 1100)], 400),
        ([promise(600, 900, 900)], 600),
        ([promise(600, 900, 800)], 600),
        ([promise(600, 900, 1700)], 0),
        ([promise(600, 900, 1100), promise(100, 500, 520)], 480),
        ([promise(600, 900, 1100, stage="idle")], 0),
        ([promise(600, 900, 1100, ended_by="guard")], 0),
    ],
    ids=["alone", "partly taken", "not taken yet", "gave memory back", "took more", "two", "idle", "ended"],
)
def test_promises_that_are_outstanding(others: list[Entry], expected_mib: int) -> None:
    assert outstanding_bytes(others) == expected_mib * MIB
