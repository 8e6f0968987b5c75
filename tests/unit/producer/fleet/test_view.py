"""producer.fleet: from facts to what `vedette fleet --json` and GET /v1/fleet tell."""

from datetime import UTC, datetime

import pytest

from contract.capability import Requirement, machine_class
from contract.ledger import Work
from contract.memory import GIB, parse_bytes
from contract.vitals import SlotVitals
from producer.fleet import Worker, view_of
from producer.fleet.facts import class_of
from producer.fleet.nobody import why_nobody
from tests.support.builders import capability, spec
from tests.support.facts import facts, vitals, worker

QUEUE = "detect.any.512m"


def needs(memory: str = "4g", cpu: str = "any", *features: str) -> Requirement:
    return Requirement(cpu_level=cpu, memory_bytes=parse_bytes(memory), cpu_features=frozenset(features))


def withdrawn(node: str, queue: str) -> Worker:
    one = worker(node, memory="8g")
    return Worker(one.advert.model_copy(update={"withdrawn": {queue: "its slot ended with SIGILL"}}), one.vitals)


def draining(node: str) -> Worker:
    return worker(node, memory="8g", lives=vitals(node, draining=True))


@pytest.mark.parametrize(
    ("asked", "workers", "why"),
    [
        (needs("1g"), [worker(memory="2g")], None),
        (needs("1g"), [], "no worker is alive"),
        (
            needs("8g"),
            [worker("a@yard", memory="2g"), worker("b@yard", memory="3584m")],
            "needs 8 GiB of memory per slot, the largest worker has 3.5 GiB",
        ),
        (
            needs("8g", "x86_64_v4"),
            [worker("a@yard", memory="16g"), worker("b@yard", memory="2g", cpu_level="x86_64_v4")],
            "needs 8 GiB of memory per slot, the largest worker with x86_64_v4 has 2.0 GiB",
        ),
        (needs("1g", "x86_64_v4"), [worker()], "needs a CPU of level x86_64_v4, which no worker has"),
        (needs("1g", "any", "avx512_vnni"), [worker()], "needs avx512_vnni, which no worker has"),
        (
            needs("1g", "x86_64_v3", "amx_bf16"),
            [worker("a@yard", cpu_level="x86_64_v2", cpu_features=["amx_bf16"]), worker("b@yard")],
            "needs amx_bf16, which no worker has",  # that could run the level
        ),
        (
            needs("1g", "any", "amx_bf16", "sve"),
            [worker("a@yard", cpu_features=["amx_bf16"]), worker("b@yard", cpu_features=["sve"])],
            "needs amx_bf16 and sve, all in one worker",
        ),
        (
            needs("4g"),
            [withdrawn("large@yard", "detect.any.4g"), worker("small@yard", memory="1g")],
            "large@yard has withdrawn: its slot ended with SIGILL",
        ),
        (
            needs("4g"),
            [draining("a@yard"), withdrawn("b@yard", "detect.any.4g")],
            "a@yard is draining; 1 more could, and do not",
        ),
        (needs("4g"), [draining("a@yard"), worker("b@yard", memory="4g")], None),
    ],
)
def test_why_nobody_serves_it(asked: Requirement, workers: list[Worker], why: str | None) -> None:
    assert why_nobody(asked, facts(workers)) == why


def test_a_queue_says_what_waits_and_who_serves_it() -> None:
    small = [worker("a@yard", memory="1g", slots=2, queues=[QUEUE]), worker("b@yard", memory="1g")]
    queues = {QUEUE: Work(3, 90, 2, 17), "detect.any.8g": Work(1, 32)}

    view = view_of(facts(small, [spec()], queues=queues, oldest_s={QUEUE: 240.0}))

    large, usual = view.queues
    assert (large.name, large.workers, large.slots, large.oldest_s) == ("detect.any.8g", 0, 0, None)
    assert large.nobody == "needs 8 GiB of memory per slot, the largest worker has 1.0 GiB"
    assert (usual.name, usual.workers, usual.slots, usual.oldest_s, usual.nobody) == (QUEUE, 2, 3, 240.0, None)
    assert (usual.tasks_waiting, usual.images_waiting, usual.tasks_running, usual.images_running) == (3, 90, 2, 17)
    assert usual.needs == needs("512m")


def test_a_model_says_who_fits_and_how_fast_all_of_them_are() -> None:
    workers = [
        worker("a@yard", lives=vitals("a@yard", images_per_s={"defects-small@1": 10.0, "other@1": 1.0})),
        worker("b@yard", lives=vitals("b@yard", images_per_s={"defects-small@1": 2.5})),
        worker("c@yard", old=True, memory="256m"),
    ]

    view = view_of(facts(workers, [spec(), spec("huge", base="20g")], of_models={"defects-small@1": Work(1, 40, 1, 8)}))

    small, huge = view.models
    assert (small.ref, small.queue, small.images_waiting, small.images_running) == ("defects-small@1", QUEUE, 40, 8)
    assert (small.workers, small.slots, small.images_per_s, small.nobody) == (2, 2, 12.5, None)
    assert (huge.workers, huge.images_per_s, huge.tasks_waiting) == (0, 0.0, 0)
    assert huge.nobody == "needs 32 GiB of memory per slot, the largest worker has 2.0 GiB"


def test_a_model_that_has_work_and_that_nobody_knows() -> None:
    [model] = view_of(facts([worker()], of_models={"gone@1": Work(2, 10)})).models

    assert (model.ref, model.queue, model.images_waiting, model.workers) == ("gone@1", None, 10, 0)
    assert model.nobody == "no worker has had it for long: start one whose model store has it"


def test_a_worker_says_what_it_holds() -> None:
    slot = SlotVitals(pid=7, stage="run", models=("defects-small@1", "other@2"))
    lives = vitals(
        slots=2,
        busy=1,
        used="1536m",
        memory_limit_bytes=4 * GIB,
        each=(slot, SlotVitals(pid=8, models=("other@2",))),
        kills={"kernel": 2},
        images_per_s={"other@2": 3.0},
    )

    [one] = view_of(facts([worker(slots=2, lives=lives, queues=[QUEUE])], [spec()])).workers

    assert (one.node, one.queues, one.slots_busy, one.draining) == ("small@yard", (QUEUE,), 1, False)
    assert (one.memory_used_bytes, one.memory_limit_bytes) == (3 * GIB // 2, 4 * GIB)
    assert one.models_loaded == {"defects-small@1": 1, "other@2": 2}
    assert (one.images_per_s, one.kills) == ({"other@2": 3.0}, {"kernel": 2})
    assert one.since == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert one.worker_class == "x86_64_v3-2048m-2x2"


@pytest.mark.parametrize(("running", "busy"), [({"small@yard": 1}, 1), ({}, 0), (None, None)])
def test_of_an_older_worker_is_told_what_others_know_of_it(running: dict[str, int] | None, busy: int | None) -> None:
    [one] = view_of(facts([worker(old=True, slots=2)], slots_busy=running)).workers

    assert one.slots_busy == busy
    assert one.memory_limit_bytes == 4 * GIB
    assert {one.memory_used_bytes, one.since, one.draining} == {None, False}
    assert (one.models_loaded, one.images_per_s, one.kills) == (None, None, None)
    assert [model.images_per_s for model in view_of(facts([worker(old=True)], [spec()])).models] == [None]


@pytest.mark.parametrize(
    ("has", "asked_for", "name"),
    [
        (capability("3600m", slots=2, threads=4), (), "x86_64_v3-3584m-2x4"),
        (capability("3712m", "armv8.2a"), (), "armv8.2a-3712m-1x2"),
        (capability("1g", cpu_features=["avx512_vnni", "sse9"]), ("avx512_vnni",), "x86_64_v3+avx512_vnni-1024m-1x2"),
        (capability("1g", cpu_features=["sse9"]), ("avx512_vnni", "avx2"), "x86_64_v3+avx2-1024m-1x2"),
    ],
)
def test_classes(has, asked_for, name: str) -> None:
    of = class_of(has, frozenset(asked_for))

    assert of.name == name
    assert of.machine == machine_class(has)
