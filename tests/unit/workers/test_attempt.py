"""An attempt with a model and a ledger that do as they are told: real files, no Redis, no TensorFlow."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import numpy as np
import pytest

from contract.engine_plan import PLAIN, EnginePlan
from contract.errors import ModelBroken
from contract.ledger import BatchRun, Claim
from contract.memory import GIB
from contract.messages import ImageRef
from contract.settings import load_settings
from tests.support.builders import options, spec
from tests.support.images import encode, scene
from workers.attempt import AttemptFailed, AttemptRun, WorkerLeaves
from workers.images import claimed, kept
from workers.images.decoders import Decoders
from workers.images.errors import ImageError
from workers.images.kept import KeptBytes
from workers.lease import LeaseLost
from workers.memory.admission import Admission
from workers.together import Claims

FOUND = SimpleNamespace(
    boxes=np.array([[0.0, 0.0, 0.5, 0.5]], np.float32), scores=np.array([0.9], np.float32), class_ids=np.array([1])
)
NO_NUMBER = SimpleNamespace(boxes=FOUND.boxes * np.nan, scores=FOUND.scores, class_ids=FOUND.class_ids)
#: The red value of the first pixel, by which `Model` tells images apart.
POISON, NAN = 13, 14


class ToldLedger:
    def __init__(self):
        self.results, self.runs, self.ends = {}, [], []
        self.answer = "recorded"

    def record_all(self, recordings):
        for each in recordings:
            self.ends.append(each.ends)
            self.runs += [] if each.run is None else [each.run]
            results = dict(each.results)
            if self.answer == "recorded":
                assert not self.results.keys() & results.keys(), "an image was recorded twice"
                self.results.update(results)
        return ["closed" if self.answer == "recorded" and each.ends is not None else self.answer for each in recordings]


class ToldLease:
    def __init__(self):
        self.checks = 0
        self.lost_at_check = 0
        self.gone = set()
        self.done = []

    def check(self):
        self.checks += 1
        if self.checks == self.lost_at_check:
            raise LeaseLost("cancelled")

    def standing(self, claim):
        return "cancelled" if claim.task in self.gone else "held"

    def closed(self, claim):
        self.done.append(claim.task)

    def lost(self, claim, standing):
        self.gone.add(claim.task)
        if len(self.gone) == 3 or claim.task == "task":
            raise LeaseLost(standing)


class Model:
    """Finds one thing in every image; `fits` is the largest batch that it has memory for."""

    spec = spec()
    call_images = None
    plan = PLAIN

    def __init__(self):
        self.streams = ThreadPoolExecutor(1)
        self.calls = []
        self.fits = 1000

    def detect(self, images):
        self.calls.append(images.shape)
        if len(images) > self.fits:
            raise RuntimeError("OOM when allocating tensor")
        firsts = [int(image[0, 0, 0]) for image in images]
        if POISON in firsts:
            raise ValueError("Incompatible shapes")
        return [NO_NUMBER if first == NAN else FOUND for first in firsts]


class ToldMemory:
    """The memory side of a slot: has room for `room` images, and for the model unless told otherwise."""

    def __init__(self):
        self.box = SimpleNamespace(enter=lambda _stage, batch=None: self.held.append(batch), count=self.counted)
        self.held, self.fitted_batches = [], []
        self.images = 0
        self.room, self.room_for_model = 1000, 1
        self.ever, self.comes = True, False
        self.ever_loads = False
        self.out_of_time = False

    def counted(self, model, images):
        assert model == options().model
        self.images += images

    @contextmanager
    def attempt(self, _claim, _companions):
        yield

    def room_for(self, _spec):
        return Admission(self.room_for_model, 5 * GIB, GIB, "the slot's share of 1.0 GiB")

    def loading_room_bytes(self):
        return GIB

    def could_ever_load(self, _spec):
        return self.ever_loads

    def model_loaded(self):
        pass

    @contextmanager
    def reserve(self, _spec, _digest, megapixels, wanted, _streams=1):
        yield Admission(min(wanted, len(megapixels), self.room), 5 * GIB, GIB, "the slot's share of 1.0 GiB")

    def could_ever_hold(self, _admission):
        return self.ever

    def wait_until(self, fits):
        if self.comes:
            self.room = self.room_for_model = 1
        return fits()

    def measured(self, images, took_s):
        return BatchRun(images, took_s)

    def fitted(self, _digest, images):
        self.fitted_batches.append(images)


@pytest.fixture
def run(tmp_path):
    """An AttemptRun of eight images of 24 x 16, batch 4, not started yet."""
    ledger, lease, model = ToldLedger(), ToldLease(), Model()
    slot = SimpleNamespace(
        settings=load_settings(image_roots=(tmp_path,)),
        blobs=None,
        office=SimpleNamespace(ledger=ledger),
        models=SimpleNamespace(get=lambda *_, **__: model, held=lambda *_, **__: None, spec=lambda *_: model.spec),
        memory=ToldMemory(),
        leaving=lambda: False,
        decoders=Decoders(1),
    )
    images = tuple(ImageRef(index=n, name=f"{n}.png", uri=str(tmp_path / f"{n}.png")) for n in range(8))
    for image in images:
        put(image, first=image.index)
    claim = Claim("job", "task", 2, "detect.any.1g", 4, options(), images)
    return AttemptRun(slot, Claims(claim), lease, "w@yard")


def put(image, *, first=0, data=None, width=24, height=16):
    pixels = scene(width, height)
    pixels[0, 0, 0] = first
    with open(image.uri, "wb") as file:  # noqa: PTH123  # the reference is text
        file.write(encode(pixels, "PNG") if data is None else data)


def model_of(run):
    return run.slot.models.get("", "")


def codes(run):
    return {n: result.failure.code for n, result in run.slot.office.ledger.results.items() if not result.ok}


def test_every_image_gets_its_result_in_batches_as_large_as_asked(run):
    run.run()

    assert model_of(run).calls == [(4, 16, 24, 3), (4, 16, 24, 3)]
    assert sorted(run.slot.office.ledger.results) == list(range(8))
    assert run.tally.of(run.claim) == (8, 0)
    assert run.slot.memory.images == 8
    runs = run.slot.office.ledger.runs
    assert [call.images for call in runs] == [4, 4]
    assert all(0 < call.took_s < 10 for call in runs)
    result = run.slot.office.ledger.results[3]
    assert (result.image, result.width, result.height, result.model) == ("3.png", 24, 16, "defects-small@1")
    assert (result.worker, result.batch_size, result.attempts) == ("w@yard", 4, 2)
    assert result.detections[0].box == (0.0, 0.0, 12.0, 8.0)


@pytest.mark.parametrize(("exact", "decoded"), [(False, (1, 480, 640, 3)), (True, (1, 1920, 2560, 3))])
def test_a_photograph_is_decoded_as_coarsely_as_the_model_does_not_see_unless_asked_for_exactly(run, exact, decoded):
    run.slot.models.get("", "").spec = spec(signature={"resizes_to_px": 160})
    run.claims = Claims(replace(run.claim, images=run.claim.images[:1], options=options(exact=exact)))
    put(run.claim.images[0], data=encode(scene(2560, 1920), "JPEG"))

    run.run()

    assert model_of(run).calls == [decoded]
    result = run.slot.office.ledger.results[0]
    # The same boxes in the image's own pixels, and nothing that the user need be told.
    assert (result.width, result.height, result.degraded) == (2560, 1920, None)
    assert result.detections[0].box == (0.0, 0.0, 1280.0, 960.0)


def test_a_model_of_single_images_is_called_from_several_threads_with_images_of_any_size(run):
    # Given images of two sizes in a batch, and calls that end only when two are under way
    model = model_of(run)
    in_streams(model, 1)
    both, real = Barrier(2, timeout=20), model.detect
    model.detect = lambda images: (both.wait(), real(images))[1]
    put(run.claim.images[1], width=30)

    run.run()

    assert sorted(model.calls) == [(1, 16, 24, 3)] * 7 + [(1, 16, 30, 3)]
    assert run.slot.memory.fitted_batches == [4, 4]
    assert (run.tally.of(run.claim)[0], run.slot.office.ledger.results[1].width) == (8, 30)


def in_streams(model, call_images):
    model.plan = EnginePlan(streams=2, call_images=call_images)
    model.call_images, model.streams = call_images, ThreadPoolExecutor(2)


def test_a_stream_stacks_images_of_one_size(run):
    in_streams(model_of(run), 3)
    put(run.claim.images[1], width=30)

    run.run()

    # in two batches, and what the first has left over of a size goes alone
    sizes = [(3, 16, 24, 3), (1, 16, 24, 3), (3, 16, 24, 3), (1, 16, 30, 3)]
    assert sorted(model_of(run).calls) == sorted(sizes)
    assert run.slot.office.ledger.results[1].batch_size == 1


def test_large_images_are_not_copied_into_a_stack(run, monkeypatch):
    in_streams(model_of(run), 3)
    monkeypatch.setattr("workers.in_batch._STACKED_BYTES_MAX", 16 * 24 * 3 - 1)

    run.run()

    assert model_of(run).calls == [(1, 16, 24, 3)] * 8


def test_memory_that_is_short_in_one_of_several_calls_is_about_the_whole_batch(run):
    # Which of the calls took it is not known; what the others found stands.
    model = model_of(run)
    model.call_images = 1
    real = model.detect
    model.detect = lambda images: real(images) if images[0, 0, 0, 0] != 2 else short_of_memory()

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.batch) == ("memory", {0, 1, 2, 3})
    assert sorted(run.slot.office.ledger.results) == [0, 1]


def short_of_memory():
    raise MemoryError


def test_bad_images_fail_alone_whether_header_or_pixels_tell(run):
    put(run.claim.images[1], data=b"no image")
    put(run.claim.images[5], data=encode(scene(), "BMP")[:-100])

    run.run()

    assert codes(run) == {1: "image_not_an_image", 5: "image_unreadable"}
    assert run.tally.of(run.claim) == (6, 2)


def test_a_task_of_bad_images_only_needs_no_model(run):
    for image in run.claim.images:
        put(image, data=b"")
    run.slot.models.get = lambda *_, **__: pytest.fail("the model was loaded for nothing")

    run.run()

    assert set(codes(run).values()) == {"image_empty"}


def test_an_image_on_which_the_model_raises_fails_alone(run):
    put(run.claim.images[2], first=POISON)

    run.run()

    assert codes(run) == {2: "model_failed"}
    assert "Incompatible shapes" in run.slot.office.ledger.results[2].failure.message
    assert [shape[0] for shape in model_of(run).calls] == [4, 1, 1, 1, 1, 4]


def test_an_image_for_which_the_model_says_nan_fails_alone(run):
    put(run.claim.images[6], first=NAN)

    run.run()

    assert codes(run) == {6: "model_failed"}
    assert run.tally.of(run.claim) == (7, 1)


def test_memory_that_is_short_for_a_batch_ends_the_attempt_with_what_was_done_recorded(run):
    put(run.claim.images[0], width=30)  # its own batch, which fits
    model_of(run).fits = 3

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert failed.value.mishap.verdict == "memory"
    assert failed.value.mishap.batch == {1, 2, 3, 4}
    assert sorted(run.slot.office.ledger.results) == [0]


def test_memory_that_is_short_for_one_image_is_about_that_image_alone(run):
    run.claims = Claims(Claim("job", "task", 2, "detect.any.1g", 1, options(), run.claim.images))
    model_of(run).fits = 0

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.batch) == ("memory", {0})


def test_a_batch_is_run_in_parts_that_there_is_room_for(run):
    run.slot.memory.room = 3

    run.run()

    assert [shape[0] for shape in model_of(run).calls] == [3, 1, 3, 1]
    assert run.slot.memory.fitted_batches == [3, 1, 3, 1]


def test_an_image_that_can_never_fit_is_named_with_what_it_needs_before_it_is_decoded(run):
    run.slot.memory.room, run.slot.memory.ever = 0, False

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    mishap = failed.value.mishap
    assert (mishap.verdict, mishap.batch, mishap.victim) == ("memory", {0}, False)
    assert mishap.detail == "needs 5.0 GiB, 1.0 GiB available; the slot's share of 1.0 GiB"
    assert model_of(run).calls == []


def test_memory_that_others_hold_is_waited_for(run):
    run.slot.memory.room, run.slot.memory.comes = 0, True

    run.run()

    assert [shape[0] for shape in model_of(run).calls] == [1] * 8


def test_memory_that_others_do_not_give_back_is_not_held_against_the_image(run):
    run.slot.memory.room = 0

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.victim) == ("memory", True)


def test_a_model_that_has_no_room_is_not_loaded(run):
    run.slot.memory.room_for_model = 0
    run.slot.models.get = lambda *_, **__: pytest.fail("loading it would have ended the process")

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    mishap = failed.value.mishap
    assert (mishap.verdict, mishap.stage, mishap.victim) == ("memory", "load", False)


def test_a_model_that_others_leave_no_room_for_just_now_is_waited_for(run):
    run.slot.memory.room_for_model, run.slot.memory.ever_loads, run.slot.memory.comes = 0, True, True

    run.run()

    assert run.tally.of(run.claim)[0] == 8


def test_a_model_that_others_leave_no_room_for_is_put_back_as_their_victim(run):
    run.slot.memory.room_for_model, run.slot.memory.ever_loads = 0, True
    run.slot.models.get = lambda *_, **__: pytest.fail("loading it would have ended the process")

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    mishap = failed.value.mishap
    assert (mishap.verdict, mishap.stage, mishap.victim) == ("memory", "load", True)


def test_a_worker_that_leaves_does_not_wait_for_room(run):
    run.slot.memory.room_for_model, run.slot.memory.ever_loads = 0, True
    run.slot.memory.wait_until = lambda fits: setattr(run.slot, "leaving", lambda: True) or fits()

    with pytest.raises(WorkerLeaves):
        run.run()


def test_images_under_suspicion_come_last_and_in_batches_no_larger_than_their_cap(run):
    capped = [image.model_copy(update={"batch_cap": 2}) for image in run.claim.images[:3]]
    run.claims = Claims(Claim("job", "task", 2, "detect.any.1g", 4, options(), (*capped, *run.claim.images[3:])))

    run.run()

    assert [shape[0] for shape in model_of(run).calls] == [4, 1, 2, 1]
    assert [held for held in run.slot.memory.held if held][-1] == [2]


def test_an_image_that_is_made_coarser_keeps_its_own_size_in_the_result(run):
    half = run.claim.images[0].model_copy(update={"shrink": 2})
    run.claims = Claims(Claim("job", "task", 2, "detect.any.1g", 4, options(), (half,)))

    run.run()

    result = run.slot.office.ledger.results[0]
    assert model_of(run).calls == [(1, 8, 12, 3)]
    assert (result.width, result.height, result.degraded) == (24, 16, {"scale": 0.5})
    assert result.detections[0].box == (0.0, 0.0, 12.0, 8.0)


def test_a_worker_that_leaves_hands_back_what_is_not_done(run):
    answers = iter([False] * 9 + [True])
    run.slot.leaving = lambda: next(answers)

    with pytest.raises(WorkerLeaves):
        run.run()

    assert sorted(run.slot.office.ledger.results) == [0, 1, 2, 3]


def test_an_attempt_that_is_out_of_time_keeps_what_it_has(run):
    real = model_of(run).detect

    def detect(images):
        run.slot.memory.out_of_time = True
        return real(images)

    model_of(run).detect = detect

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.batch) == ("timeout", frozenset())
    assert sorted(run.slot.office.ledger.results) == [0, 1, 2, 3]


@pytest.mark.parametrize("function", ["read_image", "read_header"])
def test_memory_that_runs_out_before_decoding_is_about_that_image_alone(run, function, monkeypatch):
    # Celery stops the whole worker for a MemoryError that leaves a task.
    real, calls = getattr(claimed, function), []

    def short_of_memory(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise MemoryError
        return real(*arguments)

    monkeypatch.setattr(claimed, function, short_of_memory)

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.batch) == ("memory", {2})


def test_a_batch_whose_pixels_need_too_much_memory_is_given_back_to_be_halved(run, monkeypatch):
    def short_of_memory(_data, _shrink):
        raise MemoryError

    monkeypatch.setattr(claimed, "decode_rgb", short_of_memory)

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.batch) == ("memory", {0, 1, 2, 3})


def test_a_surprise_while_decoding_is_not_called_memory(run, monkeypatch):
    def surprise(_data, _shrink):
        raise AssertionError("a decoder's bug")

    monkeypatch.setattr(claimed, "decode_rgb", surprise)

    run.run()

    assert set(codes(run).values()) == {"image_unreadable"}


def test_a_header_that_lies_about_the_size_joins_no_batch_of_another_size(run, monkeypatch):
    real = claimed.decode_rgb
    sizes = iter([24, 20, 24, 24, 24, 24, 24, 24])
    monkeypatch.setattr(claimed, "decode_rgb", lambda data, shrink: real(data, shrink)[:, : next(sizes)])

    run.run()

    assert codes(run) == {}
    assert [shape[0] for shape in model_of(run).calls] == [1, 1, 2, 4]
    assert run.slot.office.ledger.results[1].width == 20


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(ModelBroken("no such model"), "model"), (MemoryError(), "memory"), (RuntimeError("what is this?"), "model")],
)
def test_a_model_that_cannot_be_had_ends_the_attempt(run, error, verdict):
    def get(*_, **__):
        raise error

    run.slot.models.get = get

    with pytest.raises(AttemptFailed) as failed:
        run.run()

    assert (failed.value.mishap.verdict, failed.value.mishap.stage) == (verdict, "load")


def test_the_attempt_is_closed_with_the_last_results_and_what_the_run_has_seen(run):
    # Given batches of which the first takes more
    peaks = iter((300, 200))
    run.slot.memory.measured = lambda images, took_s: BatchRun(images, took_s, peak_bytes=next(peaks))

    run.run()

    first, last = run.slot.office.ledger.ends
    assert first is None
    assert (last.attempt, last.worker, last.batch_size, last.verdict, last.outcome) == (2, "w@yard", 4, None, "done")
    assert last.peak_bytes == 300
    assert run.lease.done == ["task"]


def test_a_ledger_that_knows_of_more_images_leaves_the_attempt_open(run, monkeypatch):
    monkeypatch.setattr(run.slot.office.ledger, "record_all", lambda recordings: ["recorded"] * len(recordings))

    run.run()

    assert run.lease.done == []
    assert run.tally.of(run.claim) == (8, 0)


@pytest.mark.parametrize("answer", ["cancelled", "fenced"])
def test_a_ledger_that_says_no_ends_the_attempt(run, answer):
    run.slot.office.ledger.answer = answer

    with pytest.raises(LeaseLost) as lost:
        run.run()

    assert lost.value.standing == answer
    assert len(model_of(run).calls) == 1
    assert run.tally.of(run.claim)[0] == 0


def test_a_lost_lease_is_noticed_between_batches(run):
    run.lease.lost_at_check = 8 + 2  # a header each, then batches

    with pytest.raises(LeaseLost):
        run.run()

    assert len(model_of(run).calls) == 1


def test_a_cancelled_job_stops_reading_headers_too(run):
    # Ten thousand headers on a slow disk take minutes.
    for image in run.claim.images:
        put(image, data=b"")
    run.lease.lost_at_check = 3

    with pytest.raises(LeaseLost):
        run.run()


# Images that come over a network


def test_a_small_file_is_read_once_and_a_large_one_again_when_its_turn_has_come(run, monkeypatch):
    read = []
    read_image = claimed.read_image
    monkeypatch.setattr(claimed, "read_image", lambda uri, *more: read.append(uri) or read_image(uri, *more))
    small, large = run.claim.images[:2]
    put(large, width=64, height=64)
    monkeypatch.setattr(kept, "_SMALL_BYTES", Path(small.uri).stat().st_size)

    run.run()

    assert run.tally.of(run.claim)[0] == 8
    assert [read.count(image.uri) for image in (small, large)] == [1, 2]


@pytest.fixture
def fetched(run, monkeypatch):
    """The first image of `run` is remote. Its bytes, one answer after the other; the last one stays."""
    first, *others = run.claim.images
    answers = [Path(first.uri).read_bytes()]
    remote = first.model_copy(update={"uri": "https://plates.test/0.png"})
    run.claims = Claims(replace(run.claim, images=(remote, *others)))
    real = claimed.read_image
    answers_given = []

    def read(uri, *arguments):
        if uri != remote.uri:
            return real(uri, *arguments)
        answers_given.append(answers.pop(0) if len(answers) > 1 else answers[0])
        return answers_given[-1]

    monkeypatch.setattr(claimed, "read_image", read)
    return SimpleNamespace(answers=answers, given=answers_given)


def test_a_remote_image_is_fetched_once(run, fetched):
    run.run()

    assert len(fetched.given) == 1
    assert run.tally.of(run.claim) == (8, 0)


def test_without_room_to_keep_it_a_remote_image_is_fetched_again(run, fetched):
    run.images.kept = KeptBytes(bytes_max=0)

    run.run()

    assert len(fetched.given) == 2
    assert run.tally.of(run.claim) == (8, 0)


def test_a_host_that_then_sends_another_image_gets_it_refused_before_it_is_decoded(run, fetched):
    # Given a host whose second answer is larger than what admission counted with
    run.images.kept = KeptBytes(bytes_max=0)
    fetched.answers.append(encode(scene(240, 160), "PNG"))

    run.run()

    assert codes(run) == {0: "image_unreadable"}
    assert run.tally.of(run.claim)[0] == 7


@pytest.mark.usefixtures("fetched")
def test_an_image_whose_host_is_silent_is_recorded_at_once_and_may_be_put_back(run, monkeypatch):
    def read(uri, *_):
        if uri.startswith("https:"):
            raise ImageError("unreachable", "its host is silent")
        assert codes(run) == {0: "unreachable"}
        raise MemoryError

    monkeypatch.setattr(claimed, "read_image", read)

    with pytest.raises(AttemptFailed):
        run.run()

    assert run.slot.office.ledger.results[0].dead


# Several claims


@pytest.fixture
def shared(run):
    """The same run of three tasks with two, one and three images of index 0, 1, …; batch 4."""

    def claim(name, *images):
        renumbered = [image.model_copy(update={"index": index}) for index, image in enumerate(images)]
        return Claim(f"job-{name}", name, 1, "detect.any.1g", 4, options(), tuple(renumbered))

    images = run.claim.images
    run.claims = Claims(claim("a", *images[:2]), [claim("b", images[2]), claim("c", *images[3:6])])
    run.slot.office.ledger = SharedLedger()
    return run


class SharedLedger:
    """Keeps (index, image, ok) by task; answers `recorded` or `closed` unless told otherwise of a task."""

    def __init__(self):
        self.recorded, self.told, self.runs, self.ends = {}, {}, [], []

    def record_all(self, recordings):
        self.runs.append([each.run.images for each in recordings if each.run is not None])
        self.ends.append([each.claim.task for each in recordings if each.ends is not None])
        for each in recordings:
            if each.claim.task not in self.told:
                rows = [(index, result.image, result.ok, result.attempts) for index, result in each.results]
                self.recorded.setdefault(each.claim.task, []).extend(rows)
        return [self.told.get(each.claim.task, "recorded" if each.ends is None else "closed") for each in recordings]


def test_images_of_several_tasks_share_a_call_and_each_result_goes_to_its_own(shared):
    shared.run()

    assert model_of(shared).calls == [(4, 16, 24, 3), (2, 16, 24, 3)]
    assert shared.slot.office.ledger.recorded == {
        "a": [(0, "0.png", True, 1), (1, "1.png", True, 1)],
        "b": [(0, "2.png", True, 1)],
        "c": [(0, "3.png", True, 1), (1, "4.png", True, 1), (2, "5.png", True, 1)],
    }
    # And a call counts once, though two or three tasks have of it
    assert shared.slot.office.ledger.runs == [[4], [2]]
    assert [shared.tally.of(claim) for claim in shared.claims.all] == [(2, 0), (1, 0), (3, 0)]
    assert shared.slot.memory.images == 6


def test_each_is_closed_with_the_last_of_its_own_results(shared):
    # Given a task whose only image is bad, which its header tells
    put(shared.claims.companions[0].images[0], data=b"no image")

    shared.run()

    # Then it need not wait for the others, nor those of the first batch for the last
    assert shared.slot.office.ledger.ends == [["b"], ["a"], ["c"]]
    assert shared.lease.done == ["b", "a", "c"]


def test_one_that_has_all_its_results_is_closed_though_memory_is_short_for_another(shared):
    # Given calls of one image, of which the last of the batch, the first of task c, has no memory
    model = model_of(shared)
    in_streams(model, 1)
    real = model.detect
    model.detect = lambda images: short_of_memory() if images[0, 0, 0, 0] == 3 else real(images)

    with pytest.raises(AttemptFailed):
        shared.run()

    assert shared.lease.done == ["a", "b"]
    assert shared.tally.of(shared.claims.companions[1]) == (0, 0)


def test_a_bad_image_fails_in_its_own_task(shared):
    put(shared.claims.companions[0].images[0], data=b"no image")
    put(shared.claims.companions[1].images[1], first=POISON)

    shared.run()

    assert [shared.tally.of(claim) for claim in shared.claims.all] == [(2, 0), (0, 1), (2, 1)]
    assert [row for row in shared.slot.office.ledger.recorded["c"] if not row[2]] == [(1, "4.png", False, 1)]


def test_a_task_that_is_cancelled_on_the_way_drops_out_alone(shared):
    # Given one whose cancelling is heard when the first batch is recorded
    shared.slot.office.ledger.told["c"] = "cancelled"

    shared.run()

    # Then its other images are not looked at any more
    assert [shape[0] for shape in model_of(shared).calls] == [4]
    assert shared.slot.office.ledger.recorded.keys() == {"a", "b"}
    assert shared.tally.of(shared.claims.companions[1]) == (0, 0)


def test_a_task_that_is_cancelled_before_its_batch_is_not_run(shared):
    shared.lease.gone.add("a")

    shared.run()

    assert sum(shape[0] for shape in model_of(shared).calls) == 4
    assert shared.slot.office.ledger.recorded.keys() == {"b", "c"}


def test_a_run_of_which_nothing_is_wanted_any_more_ends(shared):
    shared.slot.office.ledger.told = dict.fromkeys("abc", "cancelled")
    model_of(shared).fits = 1000

    with pytest.raises(LeaseLost):
        shared.run()


def test_memory_that_is_short_is_about_the_numbers_of_the_run(shared):
    model_of(shared).fits = 3

    with pytest.raises(AttemptFailed) as failed:
        shared.run()

    assert failed.value.mishap.batch == {0, 1, 2, 3}
