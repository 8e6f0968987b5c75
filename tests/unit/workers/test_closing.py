"""Closing with a ledger that answers what it was told: what is recorded, put back, learned and rung for."""

from types import SimpleNamespace

import pytest

from contract.errors import ModelUnknown
from contract.ledger import TaskRecord
from contract.settings import load_settings
from tests.support.builders import advert, image_refs, options, spec
from workers import closing
from workers.closing import Office, hand_back, settle
from workers.ladder import Mishap


class ToldLedger:
    def __init__(self):
        self.left = image_refs(4)
        self.answer = "queued"
        self.recorded, self.closed, self.closed_with_results = {}, [], []

    def images_left(self, _task):
        return list(self.left)

    def record_last(self, job, task, attempt, results, _killed_by=None):
        assert (job, task) == ("job", "task")
        self.recorded.update(results)
        if self.recorded.keys() < {image.index for image in self.left}:
            return "recorded"
        self.closed_with_results.append(attempt)
        return "closed"

    def close(self, job, task, attempt, back, _killed_by=None):
        assert (job, task) == ("job", "task")
        self.closed.append((attempt, back))
        return self.answer


@pytest.fixture
def world(monkeypatch):
    told = SimpleNamespace(ledger=ToldLedger(), fleet=[], model=spec(), rung=[], shown=[], learned=[])

    def model(ref):
        if told.model is None:
            raise ModelUnknown(f"unknown model {ref!r}")
        return told.model

    def rung(_app, message, queue, retries, *, images, after):
        told.rung.append((message, queue, retries))
        told.shown.append((images, after))

    monkeypatch.setattr(closing, "ring", rung)
    told.office = Office(
        None,
        told.ledger,
        SimpleNamespace(model=model, adverts=lambda: told.fleet),
        SimpleNamespace(failed=lambda *given: told.learned.append(given)),
        load_settings(attempts_max=5),
        "1024m",
    )
    return told


def record(**fields):
    told = {"job": "job", "task": "task", "state": "running", "queue": "detect.any.1g", "batch_size": 8}
    return TaskRecord(**{**told, "attempt": 2, "worker": "w@yard", "options": options(), **fields})


def mishap(verdict="memory", *batch, **more):
    return Mishap(verdict, "what was seen", batch=frozenset(batch), **more)


def test_the_history_tells_what_failed_and_what_followed(world):
    settled = settle(world.office, record(), mishap("memory", 0, 1))

    assert settled.text == "batch 2 → 1 (memory: what was seen)"
    [(attempt, _)] = world.ledger.closed
    assert (attempt.attempt, attempt.worker, attempt.batch_size) == (2, "w@yard", 2)
    assert (attempt.verdict, attempt.detail, attempt.outcome) == ("memory", "what was seen", "batch 2 → 1")


def test_the_bell_is_rung_with_the_id_of_the_task_the_batch_to_come_and_the_attempts_so_far(world):
    settle(world.office, record(), mishap("memory", 0, 1, 2, 3))

    [(message, queue, retries)] = world.rung
    assert (message.job, message.task, message.batch_size) == ("job", "task", 2)
    assert (queue, retries) == ("detect.any.1g", 2)
    assert world.shown == [(len(world.ledger.images_left("task")), "memory: what was seen")]


@pytest.mark.parametrize(
    ("answer", "rings", "put_back"),
    [("queued", 1, True), ("done", 0, True), ("cancelled", 0, False), ("fenced", 0, False)],
)
def test_the_ledgers_answer_decides_whether_there_is_anything_to_ring_for(world, answer, rings, put_back):
    world.ledger.answer = answer

    settled = settle(world.office, record(), mishap("memory", 0, 1))

    assert (len(world.rung), settled.put_back) == (rings, put_back)


def test_who_is_given_up_gets_a_failure_and_the_others_come_back(world):
    settled = settle(world.office, record(), mishap("memory", 3))

    assert not settled.put_back
    [(index, result)] = world.ledger.recorded.items()
    assert (index, result.image, result.worker, result.attempts) == (3, "00003.jpg", "w@yard", 2)
    assert result.failure.code == "memory"
    assert result.failure.message.startswith("what was seen; given up: does not fit alone")
    [(_, back)] = world.ledger.closed
    assert (back.changed, back.moved) == ((), None)
    assert world.shown == [(len(world.ledger.images_left("task")) - 1, "memory: what was seen")]


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("memory", "memory"),
        ("cpu", "cpu"),
        ("crash", "crash"),
        ("lost", "lost"),
        ("timeout", "timeout"),
        ("model", "model_failed"),
        ("image", "image_unreadable"),
    ],
)
def test_after_the_last_attempt_everything_that_is_left_fails_with_the_code_of_its_verdict(world, verdict, code):
    settle(world.office, record(attempt=5), mishap(verdict))

    assert {index: result.failure.code for index, result in world.ledger.recorded.items()} == dict.fromkeys(
        range(4), code
    )


def test_an_attempt_that_gives_up_everything_is_closed_with_its_failures(world):
    settled = settle(world.office, record(attempt=5), mishap("crash", 0, 1))

    assert (settled.closed, settled.put_back) == ("done", False)
    [attempt] = world.ledger.closed_with_results
    assert (attempt.verdict, attempt.outcome) == ("crash", "given up after 5 attempts")
    assert (world.ledger.closed, world.rung) == ([], [])


def test_who_needs_more_memory_goes_to_the_bigger_worker_as_one_new_task_however_often_it_is_asked(world):
    world.fleet = [advert("big@yard", memory="4g")]

    for _ in range(2):
        assert settle(world.office, record(), mishap("memory", 3)).put_back

    (_, first), (_, second) = world.ledger.closed
    assert first.changed == ()
    assert [image.index for image in first.moved.images] == [3]
    assert first.moved == second.moved
    assert [(message.task, queue, retries) for message, queue, retries in world.rung[:2]] == [
        ("task", "detect.any.1g", 2),
        (first.moved.task, "detect.any.2g", 0),
    ]


def test_the_bigger_worker_is_rung_for_too_when_nothing_else_is_left(world):
    world.fleet = [advert("big@yard", memory="4g")]
    world.ledger.answer = "done"

    settle(world.office, record(), mishap("memory", 3))

    assert [queue for _, queue, _ in world.rung] == ["detect.any.2g"]


@pytest.mark.parametrize(
    ("allowed", "resizes_to_px", "known", "step"),
    [
        (True, 0, True, "coarser"),
        (True, 640, True, "dead"),
        (False, 0, True, "dead"),
        (True, 640, False, "coarser"),
    ],
)
def test_coarser_where_the_job_allows_it_and_the_model_does_not_resize(world, allowed, resizes_to_px, known, step):
    world.model = spec(signature={"resizes_to_px": resizes_to_px}) if known else None

    settled = settle(world.office, record(options=options(allow_degraded=allowed)), mishap("memory", 3))

    assert settled.then.step == step


@pytest.mark.parametrize(
    ("failed", "learned"),
    [
        (mishap("memory", 0, 1), 2),
        (mishap("memory", 0, 1, victim=True), None),
        (mishap("memory", stage="load"), None),
        (mishap("crash", 0, 1), None),
    ],
    ids=["memory", "a victim", "the model itself", "a crash"],
)
def test_only_a_batch_that_was_too_large_is_learned_from(world, failed, learned):
    settle(world.office, record(), failed)

    assert [images for *_, images in world.learned] == ([] if learned is None else [learned])


@pytest.mark.parametrize(("answer", "rings"), [("queued", 1), ("done", 0), ("cancelled", 0), ("fenced", 0)])
def test_what_is_handed_back_has_no_verdict_and_comes_back_as_it_was(world, answer, rings):
    world.ledger.answer = answer

    assert hand_back(world.office, record(), "the worker is leaving") == answer

    [(attempt, back)] = world.ledger.closed
    assert (attempt.verdict, attempt.batch_size, attempt.outcome) == (None, 8, "handed back: the worker is leaving")
    assert (back.queue, back.batch_size, back.changed, back.moved) == ("detect.any.1g", 8, (), None)
    assert [(message.task, message.batch_size) for message, *_ in world.rung] == [("task", 8)] * rings
    assert (world.ledger.recorded, world.learned) == ({}, [])
