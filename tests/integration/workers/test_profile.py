"""Profiles of real models in real children: sane numbers of a good one, one clear error of a bad one, nothing left."""

import signal
import threading
from dataclasses import replace

import psutil
import pytest

from contract.errors import ModelBroken
from contract.memory import MIB
from contract.model_io import Signature
from contract.model_spec import FILE_NAME, read_spec
from tests.lab.hungry_model import build_hungry_model
from tests.support.tiny_model import build_tiny_model
from tests.support.wait import wait_until
from workers.profile import QUICK, ProfileFailed, profile, with_profile
from workers.profile.outcome import Ran, Stopped
from workers.profile.protocol import Load
from workers.profile.watch import run

pytestmark = pytest.mark.integration

#: The shortest that has a fit, a check and speeds.
BRIEF = replace(QUICK, batches=(1, 4), sizes=((1, 2.0),), halvings=0, checks=(2,), repeat_s=0.05, ways=None)
ONE = Load(batch=1, width_px=64, height_px=48, threads=1)
EIGHT = ONE.model_copy(update={"batch": 8})


def built(directory):
    return directory, read_spec(directory / FILE_NAME)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return built(build_tiny_model(tmp_path_factory.mktemp("store")))


def children():
    """Living ones of this process: what a profile must not leave behind."""
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = set(children())
    yield
    assert set(children()) <= before


def test_a_profile_of_a_good_model(tiny) -> None:
    # When a small model is profiled
    directory, spec = tiny
    seen = []
    found = profile(
        directory, spec, threads=1, effort=BRIEF, on_progress=lambda step, outcome: seen.append((step.leg, outcome))
    )

    # Then each step was told at its begin and at its end
    assert [leg for leg, outcome in seen if outcome is None] == ["batch", "batch", "size", "check", "speed"]
    assert all(isinstance(outcome, Ran) for _, outcome in seen if outcome is not None)

    # And the numbers are those of TensorFlow with next to nothing
    assert 150 * MIB < found.memory.base_bytes < 400 * MIB
    assert found.memory.predict(4, 1.0) < 600 * MIB
    assert found.memory.fit_error is not None
    assert found.memory.fit_error < 0.15
    assert set(found.throughput.images_per_s) == {"1", "2", "4"}
    assert "TensorFlow" not in found.memory.measured["machine"]
    assert found.memory.measured["tensorflow"].startswith("2.")

    # And no measured peak lies more than 2 % above what the new spec promises
    known = with_profile(spec, found)
    assert all(known.memory.predict(p.batch, p.megapixels) >= 0.98 * p.peak_bytes for p in known.profile)


def test_a_model_whose_call_raises_is_one_clear_error(tmp_path) -> None:
    directory, spec = built(build_asserting_model(tmp_path))

    with pytest.raises(ProfileFailed, match=r"tiny@1 cannot be profiled: at 1 × 0.0 MP, 1 thread: .*never right"):
        run(directory, spec, ONE, repeat_s=0.05, timeout_s=60)


def build_asserting_model(store):
    """A tiny model that refuses every image."""
    import tensorflow as tf

    directory = build_tiny_model(store)

    class Asserting(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
        def detect(self, input_tensor):
            with tf.control_dependencies([tf.debugging.assert_less(tf.shape(input_tensor)[0], 0, "never right")]):
                found = tf.zeros([tf.shape(input_tensor)[0]])
            return {
                "detection_boxes": found[:, None, None] + tf.zeros([1, 1, 4]),
                "detection_scores": found[:, None],
                "detection_classes": found[:, None],
                "num_detections": found,
            }

    model = Asserting()
    tf.saved_model.save(model, str(directory), signatures={"serving_default": model.detect})
    return directory


def test_a_signature_that_the_model_lacks_is_broken(tiny) -> None:
    directory, spec = tiny
    wrong = spec.model_copy(update={"signature": Signature(key="absent")})

    with pytest.raises(ModelBroken, match="absent"):
        run(directory, wrong, ONE, repeat_s=0.05, timeout_s=60)


def test_a_directory_without_a_model_is_broken(tiny, tmp_path) -> None:
    with pytest.raises(ModelBroken, match="cannot be loaded"):
        run(tmp_path, tiny[1], ONE, repeat_s=0.05, timeout_s=60)


@pytest.mark.parametrize(
    ("signal_name", "held_bytes"),
    [pytest.param("SIGSEGV", 0, id="at once"), pytest.param("SIGKILL", 300 * MIB, id="with the model loaded")],
)
def test_a_model_that_ends_the_profiler_is_one_clear_error(tiny, signal_name, held_bytes) -> None:
    # Given a child that is killed from outside, and not for its memory
    directory, spec = tiny
    before = set(children())

    def kill() -> None:
        child = wait_until(lambda: next(iter(set(children()) - before), None), that="a child was started")
        wait_until(lambda: child.memory_info().rss >= held_bytes, timeout_s=60, that="it holds memory")
        child.send_signal(signal.Signals[signal_name])

    killer = threading.Thread(target=kill)
    killer.start()

    # Then the error names model, load and signal
    said = rf"tiny@1 cannot be profiled: the process that ran 1 × 0\.0 MP, 1 thread has ended: {signal_name}"
    with pytest.raises(ProfileFailed, match=said):
        run(directory, spec, ONE, repeat_s=30, timeout_s=60)
    killer.join()


def test_a_hungry_model_is_ended_at_its_budget(tmp_path) -> None:
    # Given a model that takes 200 MiB an image
    spec = build_hungry_model(tmp_path, "hungry", holds_mib=200)
    directory = tmp_path / "hungry" / "1"

    # When it may take 1 GiB
    fits = run(directory, spec, ONE, budget_bytes=1024 * MIB, repeat_s=0.05, timeout_s=60)
    too_large = run(directory, spec, EIGHT, budget_bytes=1024 * MIB, repeat_s=0.05, timeout_s=60)

    # Then one image fits and eight are a finding
    assert isinstance(fits, Ran)
    assert isinstance(too_large, Stopped)
    assert (too_large.why, too_large.detail) == ("memory", "does not fit in 1.0 GiB")


def test_not_even_one_image(tmp_path) -> None:
    spec = build_hungry_model(tmp_path, "hungry", holds_mib=400)

    with pytest.raises(ProfileFailed, match=r"hungry@1 cannot be profiled: 1 × 1\.0 MP, 1 thread: does not fit in 300"):
        profile(tmp_path / "hungry" / "1", spec, threads=1, effort=BRIEF, budget_bytes=300 * MIB)


def test_a_model_that_takes_too_long_is_ended(tmp_path) -> None:
    spec = build_hungry_model(tmp_path, "slow", call_s=300)

    outcome = run(tmp_path / "slow" / "1", spec, ONE, repeat_s=0.05, timeout_s=12)

    assert isinstance(outcome, Stopped)
    assert outcome.why == "time"
