"""The detect task's steps with a ledger that does as it is told. With real slots: tests/integration/workers."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from celery.exceptions import Ignore

from contract.ledger import Claim, PutBack
from contract.messages import DetectMessage, ImageRef
from contract.settings import load_settings
from tests.support.builders import advert, options, spec
from workers import closing, detect
from workers.attempt import AttemptFailed, AttemptRun, ModelAway, WorkerLeaves
from workers.closing import Office
from workers.detect import _read, _work
from workers.ladder import Mishap
from workers.lease import LeaseLost
from workers.together import Claims

MESSAGE = DetectMessage(job="job", task="task", model="defects-small@1", batch_size=8)
IMAGES = tuple(ImageRef(index=n, name=f"{n}.jpg", uri=f"/images/{n}.jpg") for n in range(3))


class ToldLedger:
    def __init__(self):
        self.closed_as = "queued"
        self.recorded, self.closed, self.ended = [], [], []

    def record_last(self, _job, task, attempt, results, _killed_by=None):
        self.recorded += results
        if self.closed_as != "done":  # as if there were others
            return "recorded"
        self.ended.append((task, attempt.outcome))
        self.closed.append((attempt, None))
        return "closed"

    def close(self, _job, task, attempt, back, _killed_by=None):
        self.ended.append((task, attempt.outcome))
        self.closed.append((attempt, back))
        return self.closed_as

    def close_all(self, ended):
        return [self.close(claim.job, claim.task, attempt, back) for claim, attempt, back in ended]

    def images_left(self, _task):
        return list(IMAGES)

    def renew_all(self, claims):
        return ["held"] * len(claims)


@pytest.fixture
def work(monkeypatch):
    """Runs one claim of batch 8 whose attempt does what it is told; remembers what became of it."""
    world = SimpleNamespace(ledger=ToldLedger(), rung=[], events=[], learned=[], fleet=[], gone=(), all_done=())
    registry = SimpleNamespace(model=lambda _ref: spec(), adverts=lambda: world.fleet)
    learned = SimpleNamespace(failed=lambda _digest, kind, images: world.learned.append((kind, images)))
    settings = load_settings(attempts_max=5)
    office = Office(None, world.ledger, registry, learned, settings, "1024m")
    slot = SimpleNamespace(
        settings=settings,
        office=office,
        lease_ledger=world.ledger,
        blobs=None,
        memory=SimpleNamespace(peak_bytes=300),
    )
    task = SimpleNamespace(app=None, send_event=lambda kind, **fields: world.events.append((kind, fields)))
    monkeypatch.setattr(
        closing, "ring", lambda _app, message, queue, retries, **_told: world.rung.append((message, queue, retries))
    )

    def run(told, attempt=1, together=(), **more):
        def does(self):
            if isinstance(told, LeaseLost):
                self.lease.lost(self.claim, told.standing)
            for gone in world.gone:
                self.lease.lost(next(each for each in self.claims.all if each.task == gone), "cancelled")
            for claim in self.claims.all:
                if claim.task in world.all_done:
                    self.lease.closed(claim)
            if told is not None:
                raise told

        monkeypatch.setattr(AttemptRun, "run", does)
        claim = Claim("job", "task", attempt, "detect.any.1g", 8, options(**more), IMAGES)
        others = [replace(claim, job=f"job-{name}", task=name) for name in together]
        world.answer = _work(task, slot, Claims(claim, others), "w@yard")
        return world

    world.run = run
    return world


def failed(verdict, *batch, **more):
    return AttemptFailed(Mishap(verdict, "what was seen", batch=frozenset(batch), **more))


def test_work_that_went_well_is_closed_and_rings_nobody(work):
    assert work.run(None).answer == {"answer": "done", "succeeded": 0, "failed": 0}

    [(attempt, back)] = work.ledger.closed
    assert (attempt.verdict, attempt.outcome, back) == (None, "done", PutBack("detect.any.1g", 8))
    assert work.rung == []


def test_memory_puts_the_offenders_back_in_smaller_batches_and_shows_as_a_retry(work):
    with pytest.raises(Ignore):
        work.run(failed("memory", 0, 1))

    [(attempt, back)] = work.ledger.closed
    assert (attempt.verdict, attempt.batch_size, attempt.outcome) == ("memory", 2, "batch 2 → 1")
    assert attempt.peak_bytes == 300
    assert (back.queue, back.batch_size, back.moved) == ("detect.any.1g", 8, None)
    assert [(image.index, image.batch_cap) for image in back.changed] == [(0, 1), (1, 1)]
    [(message, _, retries)] = work.rung
    assert (message.task, message.batch_size, retries) == ("task", 1, 1)
    assert work.events == [
        ("task-retried", {"exception": "batch 2 → 1 (memory: what was seen)", "traceback": ""}),
    ]
    assert work.learned == [("1024m", 2)]


def test_an_image_that_does_not_fit_alone_goes_to_a_bigger_worker_as_a_task_of_its_own(work):
    work.fleet = [advert("big@yard", memory="8g")]

    with pytest.raises(Ignore):
        work.run(failed("memory", 2))

    [(_, back)] = work.ledger.closed
    assert (back.changed, back.moved.queue, [image.index for image in back.moved.images]) == ((), "detect.any.2g", [2])
    assert {(message.task, queue) for message, queue, _ in work.rung} == {
        ("task", "detect.any.1g"),
        (back.moved.task, "detect.any.2g"),
    }


def test_an_image_may_be_made_coarser_where_the_job_allows_it(work):
    with pytest.raises(Ignore):
        work.run(failed("memory", 2), allow_degraded=True)

    [(_, back)] = work.ledger.closed
    assert [(image.index, image.shrink) for image in back.changed] == [(2, 2)]


def test_a_victim_teaches_nothing_and_keeps_its_batch(work):
    with pytest.raises(Ignore):
        work.run(failed("memory", 0, 1, victim=True))

    [(_, back)] = work.ledger.closed
    assert back.changed == ()
    assert work.learned == []


@pytest.mark.parametrize(
    ("error", "attempt", "code", "dead"),
    [
        (failed("model", stage="load"), 1, "model_failed", [0, 1, 2]),
        (failed("memory", 1), 1, "memory", [1]),
        (failed("memory", stage="load"), 1, "memory", [0, 1, 2]),
        (failed("memory", 0, 1), 5, "memory", [0, 1, 2]),
    ],
)
def test_what_cannot_be_helped_fails_and_nothing_else_does(work, error, attempt, code, dead):
    work.ledger.closed_as = "done"

    work.run(error, attempt)

    assert [(index, result.failure.code) for index, result in work.ledger.recorded] == [(n, code) for n in dead]
    assert all("what was seen; given up" in result.failure.message for _, result in work.ledger.recorded)
    assert work.rung == []
    assert work.answer["answer"] == "dead"


def test_a_worker_that_leaves_hands_its_work_back_without_blame(work):
    work.run(WorkerLeaves())

    [(attempt, back)] = work.ledger.closed
    assert (attempt.verdict, attempt.outcome) == (None, "handed back: the worker is leaving")
    assert back == PutBack("detect.any.1g", 8)
    assert len(work.rung) == 1
    assert work.answer["answer"] == "handed back"


@pytest.mark.parametrize("standing", ["cancelled", "fenced"])
def test_work_that_is_no_longer_wanted_is_dropped_without_a_word_in_the_ledger(work, standing):
    assert work.run(LeaseLost(standing)).answer["answer"] == standing
    assert work.ledger.closed == work.ledger.recorded == work.rung == []


def test_a_memory_error_never_leaves_the_task(work):
    # Celery stops the whole worker for one that does (celery/worker/request.py, on_failure).
    with pytest.raises(Ignore):
        work.run(MemoryError())

    [(attempt, _)] = work.ledger.closed
    assert attempt.verdict == "memory"


def test_a_surprise_ends_the_attempt_at_once_and_is_named(work):
    # Left to itself it would cost lease after lease and then be called "lost".
    work.ledger.closed_as = "done"

    work.run(KeyError("detection_boxes"))

    assert {result.failure.code for _, result in work.ledger.recorded} == {"model_failed"}
    assert "KeyError: 'detection_boxes'" in work.ledger.recorded[0][1].failure.message


@pytest.mark.parametrize(
    ("args", "fields", "code", "says"),
    [
        ((), {}, "message_invalid", "job: Field required"),
        (("job",), {}, "message_invalid", "keyword arguments only"),
        ((), {**MESSAGE.model_dump(), "v": 2}, "message_version", "version 2"),
        ((), {**MESSAGE.model_dump(), "batch_size": "8"}, "message_invalid", "batch_size"),
        ((), {**MESSAGE.model_dump(), "priority": 1}, "message_invalid", "priority"),
    ],
)
def test_a_message_that_is_malformed_is_counted_and_rejected_without_a_retry(monkeypatch, args, fields, code, says):
    counted = []
    registry = SimpleNamespace(count_reject=lambda code: counted.append(code) or len(counted))
    monkeypatch.setattr(detect, "this_slot", lambda: SimpleNamespace(office=SimpleNamespace(registry=registry)))

    monkeypatch.setattr(detect.detect, "send_event", lambda *_, **__: None)

    with pytest.raises(Ignore, match=says):
        detect.detect.run(*args, **fields)

    assert counted == [code]


def test_a_good_message_is_read():
    assert _read((), MESSAGE.model_dump()) == MESSAGE


def test_a_model_that_cannot_be_had_now_is_put_back_until_attempts_are_used_up(work):
    # Given a model store that is away
    work.run(ModelAway("defects-small@1: cannot be had from the model store now"), attempt=4)

    # Then the images are put back as they were, without a verdict
    assert work.answer["answer"] == "handed back"
    [(attempt, back)] = work.ledger.closed
    assert (attempt.verdict, back) == (None, PutBack("detect.any.1g", 8))
    assert attempt.outcome == "handed back: defects-small@1: cannot be had from the model store now"
    assert len(work.rung) == 1

    # And given up at the last attempt, with the reason
    work.run(ModelAway("defects-small@1: cannot be had"), attempt=5)
    assert [result.failure.code for _, result in work.ledger.recorded] == ["model_failed"] * 3
    assert "cannot be had" in work.ledger.recorded[0][1].failure.message


# Several claims


def test_a_shared_run_that_went_well_closes_each_of_its_tasks(work):
    answer = work.run(None, together=("b", "c")).answer

    assert answer == {"answer": "done", "succeeded": 0, "failed": 0, "tasks_together": 3}
    assert work.ledger.ended == [("task", "done"), ("b", "done"), ("c", "done")]


def test_a_mishap_among_images_of_several_puts_each_back_as_it_was_and_is_learned(work):
    # Given 3 images in each task: 2 and 3 are of the first and the second
    with pytest.raises(Ignore):
        work.run(failed("memory", 2, 3), together=("b", "c"))

    assert [task for task, _ in work.ledger.ended] == ["task", "b", "c"]
    assert {outcome for _, outcome in work.ledger.ended} == {"put back unchanged: it ran together with others"}
    assert all(back.changed == () and back.moved is None for _, back in work.ledger.closed)
    assert {message.task for message, _, _ in work.rung} == {"task", "b", "c"}
    assert set(work.learned) == {("1024m", 2)}


def test_a_mishap_among_images_of_one_is_held_against_that_one_only(work):
    with pytest.raises(Ignore):
        work.run(failed("memory", 3, 5), together=("b",))

    assert work.ledger.ended == [
        ("task", "put back unchanged: it ran together with others"),
        ("b", "batch 2 → 1"),
    ]
    [_, (_, back)] = work.ledger.closed
    assert [(image.index, image.batch_cap) for image in back.changed] == [(0, 1), (2, 1)]


def test_a_model_that_is_broken_is_so_for_all(work):
    work.ledger.closed_as = "done"

    work.run(failed("model", stage="load"), together=("b",))

    assert len(work.ledger.recorded) == 6
    assert work.answer["answer"] == "dead"


def test_a_surprise_is_held_against_nobody_who_ran_together(work):
    with pytest.raises(Ignore):
        work.run(KeyError("detection_boxes"), together=("b",))

    assert work.ledger.recorded == []
    assert {outcome for _, outcome in work.ledger.ended} == {"put back unchanged: it ran together with others"}


@pytest.mark.parametrize("told", [None, WorkerLeaves(), failed("timeout")])
def test_one_that_was_lost_on_the_way_is_not_closed_with_the_others(work, told):
    work.gone = ("task",)

    work.run(told, together=("b",))

    assert [task for task, _ in work.ledger.ended] == ["b"]
    assert work.answer["answer"] == "cancelled"


@pytest.mark.parametrize(
    ("told", "others"),
    [
        (None, "done"),
        (WorkerLeaves(), "handed back: the worker is leaving"),
        (failed("memory", 3, 4), "batch 2 → 1"),
        (failed("timeout"), "put back unchanged: it ran together with others"),
        (failed("model", stage="load"), "given up: it would fail again"),
        (KeyError("boxes"), "put back unchanged: it ran together with others"),
    ],
)
def test_one_that_its_last_results_have_closed_is_done_whatever_the_run_comes_to(work, caplog, told, others):
    caplog.set_level("INFO")
    work.all_done = ("task",)

    work.run(told, together=("b",))

    assert work.ledger.ended == [("b", others)]
    assert work.answer["answer"] == "done"
    assert "task task attempt 1 done: 0 succeeded, 0 failed" in caplog.text
    assert "stops" not in caplog.text
    assert "task" not in {message.task for message, _, _ in work.rung}


@pytest.mark.parametrize(("attempts_max", "asked"), [(20, [("first", "w@yard", 3)]), (1, [])])
def test_who_has_one_attempt_only_runs_alone(monkeypatch, attempts_max, asked):
    told = []
    ledger = SimpleNamespace(claim_together=lambda *given: told.append(given) or ())
    slot = SimpleNamespace(settings=load_settings(attempts_max=attempts_max), office=SimpleNamespace(ledger=ledger))
    monkeypatch.setattr(detect, "findings", lambda: SimpleNamespace(capability=SimpleNamespace(slots=3)))

    assert detect._companions(slot, "first", "w@yard") == ()

    assert told == asked
