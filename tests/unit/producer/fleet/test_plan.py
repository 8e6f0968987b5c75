"""producer.fleet.plan: how many workers of which class, by when, and who cannot. Tables, worked out by hand."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contract.ledger import Histogram, ModelCounts, Work
from contract.ledger.counts import SECONDS_BOUNDS
from contract.memory import parse_bytes
from contract.model_spec import ModelSpec
from producer.fleet import Facts
from producer.fleet.advice import ClassPlan, Plan, Together
from producer.fleet.facts import class_of
from producer.fleet.plan import _least, plan_of
from producer.fleet.rates import rate_of
from tests.support.builders import capability, spec
from tests.support.facts import at_work, facts, vitals, worker

SMALL_QUEUE, LARGE_QUEUE = "detect.any.512m", "detect.any.8g"
HOUR = timedelta(hours=1)


def point(speed: float, *, threads: int = 2, batch: int = 8) -> dict[str, Any]:
    return {"batch": batch, "threads": threads, "megapixels": 1.0, "images_per_s": speed, "peak_bytes": 1}


def model(name: str = "small", speed: float | None = 1.0, base: str = "300m", **fields: Any) -> ModelSpec:
    """Profiled at `speed` images per second with two threads."""
    return spec(name, base=base, profile=[] if speed is None else [point(speed)], **fields)


SMALL, LARGE = model(), model("large", 0.5, base="6g")


def backlog(*workers: Any, models: tuple[ModelSpec, ...] = (SMALL, LARGE), **waiting: int) -> Facts:
    """`waiting`: images by model's name."""
    queue = {"small": SMALL_QUEUE, "large": LARGE_QUEUE}
    parts = {(queue[name], f"{name}@1"): Work(1, images) for name, images in waiting.items()}
    return facts(
        workers,
        models,
        queues={queue: work for (queue, _), work in parts.items()},
        of_models={ref: work for (_, ref), work in parts.items()},
        parts=parts,
    )


def small(node: str = "small@yard", **fields: Any) -> Any:
    return worker(node, memory="2g", **fields)


def large(node: str = "large@yard", **fields: Any) -> Any:
    return worker(node, memory="16g", **fields)


def plan(facts: Facts, within: timedelta = HOUR, **more: Any) -> Plan:
    return plan_of(facts, more.pop("counts", {}), within, **more)


def of_class(told: Plan, name: str) -> ClassPlan:
    [found] = [one for one in told.classes if one.worker_class == name]
    return found


SMALL_CLASS, LARGE_CLASS = "x86_64_v3-2048m-1x2", "x86_64_v3-16384m-1x2"


@pytest.mark.parametrize(
    ("images", "within_min", "more", "done_in_s"),
    [
        (0, 60, 0, 0.0),
        (3600, 60, 0, 3600.0),
        (3601, 60, 1, 1830.5),  # the second joins after a minute: 60 + (3601 - 60) / 2
        (7140, 60, 1, 3600.0),  # 60 + (7140 - 60) / 2
        (7141, 60, 2, 2420.3),
        (36_000, 60, 10, 3327.3),  # nine would need 60 + 35940 / 10, which is 3654
        (90, 1, None, None),  # whoever starts now is there when it is over
        (10**9, 60, None, None),
    ],
)
def test_how_many_more_of_the_class_that_is_there(
    images: int, within_min: float, more: int | None, done_in_s: float | None
) -> None:
    told = plan(backlog(small(), models=(SMALL,), small=images), timedelta(minutes=within_min))

    one = of_class(told, SMALL_CLASS)
    assert (one.workers, one.more, one.done_in_s) == (1, more, done_in_s)
    assert told.in_time is (more == 0)
    assert told.together == (
        None if more is None else () if more == 0 else (Together(worker_class=SMALL_CLASS, more=more),)
    )
    assert told.done_in_s == images


def test_why_no_number_is_enough() -> None:
    at_once = plan(backlog(small(), models=(SMALL,), small=90), timedelta(seconds=60))
    too_much = plan(backlog(small(), models=(SMALL,), small=10**9))

    assert of_class(at_once, SMALL_CLASS).cannot == {
        "small@1": "a worker takes about 60 s to start, which is not before the deadline"
    }
    assert of_class(too_much, SMALL_CLASS).cannot == {"small@1": "no number up to 10,000 is enough"}


def test_a_class_that_a_model_does_not_fit_says_so_and_what_it_can_do() -> None:
    # Given both models behind: 7,200 s of the small one's, 3,600 s of the large one's work
    told = plan(backlog(small(), large(), small=10_800, large=3600))

    # Then the large worker is at the large model for two hours, and the small one alone does the small model
    assert {one.ref: (one.done_in_s, one.in_time) for one in told.models} == {
        "large@1": (7200.0, False),
        "small@1": (9000.0, False),  # from 7,200 s on two do what is left
    }
    # And small workers can be added for the small model, but none of them is any help for the large one
    few = of_class(told, SMALL_CLASS)
    assert (few.more, few.done_in_s) == (3, 2745.0)  # 60 + (10,800 - 60) / 4; two more would take 3,640
    assert few.cannot == {"large@1": "8 GiB of memory per slot (has 2.0 GiB)"}
    # While large ones do all of it
    big = of_class(told, LARGE_CLASS)
    assert (big.more, big.cannot) == (4, {})
    # Together: large ones for the large model, done after 2,440 s, which then do 3,480 of the rest
    assert told.together is not None
    assert {one.worker_class: one.more for one in told.together} == {LARGE_CLASS: 2, SMALL_CLASS: 2}
    assert told.together_done_in_s is not None
    assert told.together_done_in_s <= 3600


def test_only_one_model_has_to_be_done() -> None:
    told = plan(backlog(small(), large(), small=10_800, large=1000), model="large@1")

    assert [one.ref for one in told.models] == ["large@1"]
    assert (told.model, told.images, told.in_time, told.done_in_s) == ("large@1", 1000, True, 2000.0)
    assert {one.more for one in told.classes} == {0}


def test_for_a_queue_that_nobody_serves_a_machine_is_named_that_is_just_large_enough() -> None:
    told = plan(backlog(small(), small=100, large=3600))

    assert [(one.ref, one.done_in_s, one.why_never) for one in told.models] == [
        ("large@1", None, "needs 8 GiB of memory per slot, the largest worker has 2.0 GiB"),
        ("small@1", 100.0, None),
    ]
    assert of_class(told, SMALL_CLASS).more is None
    new = of_class(told, "any-8192m-1x2")
    assert (new.workers, new.more, new.cpu_level) == (0, 3, "any")  # 1,800 an hour each, less a minute
    assert told.together == (Together(worker_class="any-8192m-1x2", more=3),)
    assert told.done_in_s is None


def test_no_worker_at_all() -> None:
    told = plan(backlog(small=3000, models=(SMALL,)))

    assert [one.why_never for one in told.models] == ["no worker is alive"]
    assert [(one.worker_class, one.more) for one in told.classes] == [("any-512m-1x2", 1)]


def test_a_machine_for_the_more_demanding_queue_serves_the_others_too() -> None:
    told = plan(backlog(small=3000, large=1000))

    assert of_class(told, "any-8192m-1x2").more == 2  # 2,000 s and 3,000 s of work, in an hour less a minute
    assert of_class(told, "any-512m-1x2").cannot == {"large@1": "8 GiB of memory per slot (has 512 MiB)"}


def test_a_draining_worker_does_not_count_and_its_class_is_known() -> None:
    leaving = small(lives=vitals(draining=True))

    told = plan(backlog(leaving, models=(SMALL,), small=3000))

    one = of_class(told, SMALL_CLASS)
    assert (one.workers, one.more, told.done_in_s) == (0, 1, None)
    assert [one.why_never for one in told.models] == ["small@yard is draining"]


def test_a_model_whose_speed_nobody_knows_is_left_out_and_told_of() -> None:
    told = plan(backlog(small(), models=(model(speed=None), LARGE), small=100))

    assert [(one.in_time, one.why_never) for one in told.models] == [(False, "nobody has measured how fast it is")]
    assert (told.in_time, told.together, told.done_in_s) == (False, None, None)


def test_a_model_that_nobody_knows() -> None:
    told = plan(
        facts(
            [small()],
            [SMALL],
            of_models={"gone@1": Work(1, 9)},
            parts={(SMALL_QUEUE, "gone@1"): Work(1, 9)},
            queues={SMALL_QUEUE: Work(1, 9)},
        )
    )

    assert [one.why_never for one in told.models] == ["no worker has had it for long"]


def test_models_of_one_queue_are_done_together() -> None:
    # Given as many images of a slow model as of a quick one
    slow = model("slow", 0.25)
    parts = {(SMALL_QUEUE, "small@1"): Work(1, 100), (SMALL_QUEUE, "slow@1"): Work(1, 80, 1, 20)}
    of_models = {ref: work for (_, ref), work in parts.items()}

    told = plan(
        facts([small()], [SMALL, slow], queues={SMALL_QUEUE: Work(2, 180, 1, 20)}, of_models=of_models, parts=parts)
    )

    assert {one.ref: (one.images, one.done_in_s) for one in told.models} == {
        "slow@1": (100, 500.0),
        "small@1": (100, 500.0),
    }


def test_images_that_were_moved_to_a_larger_queue_are_done_there() -> None:
    parts = {(SMALL_QUEUE, "small@1"): Work(1, 100), (LARGE_QUEUE, "small@1"): Work(1, 10)}

    told = plan(
        facts(
            [small()],
            [SMALL],
            queues={queue: Work(1) for queue, _ in parts},
            of_models={"small@1": Work(2, 110)},
            parts=parts,
        )
    )

    assert told.models[0].why_never == "needs 8 GiB of memory per slot, the largest worker has 2.0 GiB"
    assert of_class(told, SMALL_CLASS).cannot == {"small@1": "8 GiB of memory per slot (has 2.0 GiB)"}


# How fast


def seen(images: int, seconds: float) -> ModelCounts:
    buckets = (images, *(0 for _ in SECONDS_BOUNDS))
    return ModelCounts(
        seconds=Histogram(SECONDS_BOUNDS, buckets, seconds), speeds={"x86_64_v2-512m-1x1": (images, 1.0)}
    )


def seen_here(images: int, seconds: float) -> ModelCounts:
    """On workers of the class that is asked for, and much slower on others."""
    return replace(seen(10 * images, 1e6), speeds={SMALL_CLASS: (images, seconds)})


OF_TWO_THREADS = class_of(capability("2g"), frozenset())
BUSY = at_work("a@yard", {"small@1": 6.0}, slots=2)


@pytest.mark.parametrize(
    ("workers", "counts", "speed", "source"),
    [
        pytest.param([BUSY], seen(100, 50), 3.0, "now", id="every slot is at it"),
        pytest.param([BUSY, at_work("b@yard", {"small@1": 5.0}), small()], None, 4.0, "now", id="the median of two"),
        pytest.param([at_work("a@yard", {"small@1": 3.0}, slots=2, busy=1)], None, 1.0, "profile", id="a slot is idle"),
        pytest.param(
            [at_work("a@yard", {"small@1": 3.0, "b@1": 1})], None, 1.0, "profile", id="it did another one too"
        ),
        pytest.param(
            [at_work("a@yard", {"small@1": 3.0}, lately=0.4)], None, 1.0, "profile", id="it had nothing to do till now"
        ),
        pytest.param([at_work("a@yard", {"b@1": 3.0})], None, 1.0, "profile", id="it is at another one"),
        pytest.param([worker(old=True)], None, 1.0, "profile", id="an older worker says nothing"),
        pytest.param([small()], seen(100, 50), 2.0, "fleet", id="all that ever ran it"),
        pytest.param([small()], seen_here(100, 25), 4.0, "class", id="all of its class that ever ran it"),
        pytest.param([BUSY], seen_here(100, 25), 3.0, "now", id="what is now tells more"),
        pytest.param([small()], seen_here(49, 1), 490 / 1e6, "fleet", id="too few of its class"),
        pytest.param([small()], seen(49, 10), 1.0, "profile", id="too few images say little"),
    ],
)
def test_the_best_that_is_known_of_its_speed(workers: list[Any], counts: Any, speed: float, source: str) -> None:
    rate = rate_of(SMALL, workers, OF_TWO_THREADS, counts)

    assert rate is not None
    assert (rate.images_per_s, rate.source) == (speed, source)


def test_a_worker_that_has_just_begun_has_no_minute_to_tell_of() -> None:
    young = at_work("a@yard", {"small@1": 6.0})
    assert young.vitals is not None
    young = type(young)(young.advert, young.vitals.model_copy(update={"up_s": 20.0}))

    rate = rate_of(SMALL, [young], OF_TWO_THREADS, None)

    assert rate is not None
    assert rate.source == "profile"


PROFILED = {
    "measured": {"machine": "AMD EPYC, 2 cores", "date": "2026-11-24"},
    "base_bytes": parse_bytes("300m"),
    "per_image_bytes": 0,
}


@pytest.mark.parametrize(
    ("fields", "threads", "speed", "detail"),
    [
        (
            {"profile": [point(1.0, threads=1), point(3.0, threads=4)]},
            4,
            3.0,
            "AMD EPYC, 2 cores, 4 threads, 2026-11-24",
        ),
        (
            {"profile": [point(1.0, threads=1), point(3.0, threads=4)]},
            2,
            1.0,
            "AMD EPYC, 2 cores, 1 thread, 2026-11-24",
        ),
        (
            {"profile": [point(1.0, batch=1), point(2.0, batch=8), point(9.0, batch=32)]},
            2,
            2.0,
            "AMD EPYC, 2 cores, 2 threads, 2026-11-24",
        ),
        (
            {"throughput": {"default_batch": 4, "images_per_s": {"1": 5.0, "8": 7.0}}},
            2,
            5.0,
            "AMD EPYC, 2 cores, 2026-11-24",
        ),
    ],
)
def test_the_profile_nearest_to_the_class(fields: dict[str, Any], threads: int, speed: float, detail: str) -> None:
    rate = rate_of(spec("small", memory=PROFILED, **fields), [], replace(OF_TWO_THREADS, threads=threads), None)

    assert rate is not None
    assert (rate.images_per_s, rate.source, rate.detail) == (speed, "profile", detail)


def test_a_plan_says_how_each_speed_is_known() -> None:
    told = plan(backlog(BUSY, models=(SMALL,), small=100), counts={"small@1": seen(1000, 500)})

    [rate] = told.classes[0].rates
    assert (rate.model, rate.images_per_s, rate.source) == ("small@1", 3.0, "now")
    assert rate.detail == "in the last minute, 1 worker of this class"


@pytest.mark.parametrize("wanted", [0, 1, 2, 3, 7, 8, 9, 1000, 9_999, 10_000])
def test_the_smallest_number_is_found(wanted: int) -> None:
    assert _least(lambda count: count >= wanted) == wanted


def test_there_may_be_no_such_number() -> None:
    assert _least(lambda count: count > 10_000) is None
