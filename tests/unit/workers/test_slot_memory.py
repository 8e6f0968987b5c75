"""The memory side of a slot with a sampler that gives what it was told; black box, guard and reservation are real."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
import redis

from contract.ledger import BatchRun, Claim
from contract.memory import GIB, MIB
from tests.support.builders import options, spec
from workers import slot_memory as module
from workers.memory.blackbox import read_all
from workers.memory.sample import MemorySample
from workers.slot_memory import SlotMemory, needed

CLAIM = Claim("job", "task", 3, "detect.any.1g", 8, options(), ())
DIGEST = options().digest


class ToldSampler:
    anon_bytes = 200 * MIB
    free_bytes = 8 * GIB

    def sample(self):
        return MemorySample(ToldSampler.anon_bytes, ToldSampler.free_bytes, "host memory", 0.0)

    def smallest_limit_bytes(self):
        return 10 * GIB


class ToldLearned:
    def __init__(self):
        self.most, self.away, self.fits = None, False, []

    def limit(self, _digest, _worker_class):
        self._answer()
        return self.most

    def fitted(self, digest, worker_class, images, peak_bytes):
        self._answer()
        self.fits.append((digest, worker_class, images, peak_bytes))

    def _answer(self):
        if self.away:
            raise redis.ConnectionError("refused")


@pytest.fixture
def told(monkeypatch):
    """What is sampled; any field of it may be changed."""
    monkeypatch.setattr(ToldSampler, "anon_bytes", 200 * MIB)
    monkeypatch.setattr(ToldSampler, "free_bytes", 8 * GIB)
    monkeypatch.setattr(module, "Sampler", ToldSampler)
    return ToldSampler


@pytest.fixture
def memory(told, tmp_path):
    """A slot of 1 GiB on a machine of 10, of which the guard wants 205 MiB to stay free, and admission twice that."""
    assert told.free_bytes == 8 * GIB
    memory = SlotMemory(tmp_path, GIB, ToldLearned(), timedelta(seconds=60), "x86_64_v3-1024m-1x2")
    memory._guard.stop()
    yield memory
    memory.box.close()


def test_an_attempt_stands_in_the_box_and_has_its_deadline(memory, monkeypatch):
    deadlines = []
    monkeypatch.setattr(memory._guard, "set_deadline", deadlines.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: 1000.0)

    with memory.attempt(CLAIM):
        entry = memory.box.entry
        assert (entry.job, entry.task, entry.attempt, entry.batch_size) == ("job", "task", 3, 8)
        assert not memory.out_of_time

    assert not memory.box.entry.busy
    assert deadlines == [1120.0, None]


def test_so_do_the_attempts_that_share_it(memory):
    other = Claim("another", "other", 1, "detect.any.1g", 8, options(), ())
    with memory.attempt(CLAIM, [other]):
        assert (memory.box.entry.task, memory.box.entry.companions) == ("task", {"other": 1})

    assert memory.box.entry.companions == {}


def test_an_attempt_that_failed_leaves_nothing_in_the_box_either(memory):
    def work():
        with memory.attempt(CLAIM):
            memory.box.enter("run", [1, 2])
            raise ValueError("the model")

    with pytest.raises(ValueError, match="the model"):
        work()

    assert not memory.box.entry.busy


def test_out_of_time_is_told_after_the_time_limit_and_the_hard_deadline_is_twice_that(memory, monkeypatch):
    with memory.attempt(CLAIM):
        begun_s = memory._begun_s
        monkeypatch.setattr(module.time, "monotonic", lambda: begun_s + 59)
        assert not memory.out_of_time
        monkeypatch.setattr(module.time, "monotonic", lambda: begun_s + 61)
        assert memory.out_of_time


def test_a_batch_is_promised_in_the_box_while_it_runs(memory, tmp_path):
    memory.model_loaded()

    with memory.reserve(spec(per_image="50m"), DIGEST, [1.0] * 4, 4) as admission:
        assert admission.batch == 4
        [entry] = read_all(tmp_path)
        assert (entry.promised_bytes, entry.anon_at_promise_bytes) == (admission.predicted_bytes, 200 * MIB)

    assert memory.box.entry.promised_bytes == 0


@pytest.mark.parametrize(
    ("free_bytes", "anon_bytes", "batch"),
    [
        pytest.param(8 * GIB, 200 * MIB, 11, id="the share: 824 MiB for images of 69"),
        pytest.param(8 * GIB, 800 * MIB, 3, id="the share, most of it taken"),
        pytest.param(800 * MIB, 200 * MIB, 5, id="the machine: 800 less twice the guard's 205"),
        pytest.param(400 * MIB, 200 * MIB, 0, id="the machine: what is left is the guard's"),
    ],
)
def test_as_many_are_admitted_as_fit_in_share_and_machine(memory, told, free_bytes, anon_bytes, batch):
    told.free_bytes, told.anon_bytes = free_bytes, anon_bytes

    with memory.reserve(spec(per_image="50m"), DIGEST, [1.0] * 32, 32) as admission:
        assert admission.batch == batch


def test_what_earlier_batches_left_in_the_allocator_may_be_used_again(memory, told):
    memory.model_loaded()
    told.anon_bytes = 800 * MIB

    with memory.reserve(spec(per_image="50m"), DIGEST, [1.0] * 32, 32) as admission:
        assert admission.batch == 11


def test_a_learned_size_caps_the_batch_and_an_absent_redis_does_not(memory):
    memory._learned.most = 2
    with memory.reserve(spec(), DIGEST, [1.0] * 8, 8) as admission:
        assert (admission.batch, "learned" in admission.limited_by) == (2, True)

    memory._learned.away = True
    with memory.reserve(spec(), DIGEST, [1.0] * 8, 8) as admission:
        assert admission.batch == 8


def test_what_fitted_is_learned_with_its_peak_and_an_absent_redis_costs_nothing(memory):
    memory.box.mark(300 * MIB)
    memory.fitted(DIGEST, 8)
    memory._learned.away = True
    memory.fitted(DIGEST, 8)

    assert memory._learned.fits == [(DIGEST, "1024m", 8, 300 * MIB)]


def test_an_image_too_large_for_the_share_will_never_fit_and_one_that_others_keep_out_may(memory, told):
    memory.model_loaded()
    told.free_bytes = 100 * MIB
    with memory.reserve(spec(), DIGEST, [100.0], 1) as huge:
        assert (huge.batch, memory.could_ever_hold(huge)) == (0, False)
    with memory.reserve(spec(), DIGEST, [1.0], 1) as ordinary:
        assert (ordinary.batch, memory.could_ever_hold(ordinary)) == (0, True)


@pytest.mark.parametrize(
    ("base", "room"),
    [("300m", 1), ("900m", 1), ("1000m", 0), ("3g", 0)],
)
def test_there_is_room_for_a_model_that_fits_the_share_with_one_image(memory, base, room):
    assert memory.room_for(spec(base=base)).batch == room


def test_a_model_that_fits_the_share_may_find_no_room_now_and_one_that_does_not_never_will(memory, told):
    told.free_bytes = 50 * MIB

    assert memory.room_for(spec(base="400m")).batch == 0
    assert memory.could_ever_load(spec(base="400m"))
    assert not memory.could_ever_load(spec(base="1000m"))


def test_waiting_ends_when_it_fits_or_after_a_while(memory, monkeypatch):
    clock = SimpleNamespace(now_s=0.0)

    def sleep(seconds):
        clock.now_s += seconds

    monkeypatch.setattr(module.time, "monotonic", lambda: clock.now_s)
    monkeypatch.setattr(module.time, "sleep", sleep)

    assert memory.wait_until(lambda: clock.now_s > 3)
    assert 3 < clock.now_s < 4
    assert not memory.wait_until(lambda: False)
    assert clock.now_s == pytest.approx(13.5, abs=1)


def test_a_dead_letter_has_both_numbers(memory):
    with memory.reserve(spec(), DIGEST, [400.0], 1) as admission:
        pass

    assert needed(admission).startswith("needs 4.5 GiB, 824 MiB available; 1 image would need 4.5 GiB")


def test_a_call_is_told_with_what_was_expected_of_it_and_its_peak(memory):
    memory.model_loaded()

    with memory.reserve(spec(per_image="50m"), DIGEST, [1.0] * 4, 4) as admission:
        memory.box.observe(MemorySample(450 * MIB, 8 * GIB, "host memory", 0.0))
        run = memory.measured(4, 0.5)

    assert run == BatchRun(4, 0.5, "1024m", 200 * MIB + admission.predicted_bytes, 450 * MIB, "x86_64_v3-1024m-1x2")


def test_a_call_that_fits_into_what_was_kept_says_nothing_of_the_prediction(memory, told):
    memory.model_loaded()
    told.anon_bytes = 800 * MIB

    with memory.reserve(spec(per_image="50m"), DIGEST, [1.0], 1):
        run = memory.measured(1, 0.5)

    assert run.predicted_bytes == 0
