"""The search for an engine plan with real models in real children. What is said of speeds here holds on any machine."""

import numpy as np
import pytest

from contract.engine_plan import PLAIN, EnginePlan
from contract.memory import MIB
from contract.model_spec import FILE_NAME, read_spec
from tests.lab.hungry_model import build_hungry_model
from tests.support.tiny_model import build_tiny_model
from workers.profile.ways.search import find_plan, in_children
from workers.profile.ways.thoroughness import Thoroughness

pytestmark = pytest.mark.integration

BRIEF = Thoroughness(repeat_s=0.05, timeout_s=120.0)
TWO = EnginePlan(streams=2, call_images=1)
TWO_FROZEN = EnginePlan(streams=2, call_images=1, frozen=True)


def built(store, **how):
    directory = build_tiny_model(store, **how)
    return directory, read_spec(directory / FILE_NAME)


def children_of(directory, spec, budget_bytes=None):
    return in_children(directory, spec, threads=2, batch=4, timeout_s=BRIEF.timeout_s, budget_bytes=budget_bytes)


def plan_of(directory, spec, run, told=lambda _way, _timed: None):
    return find_plan(
        directory,
        spec,
        machine="here",
        threads=2,
        bf16=False,
        batch=4,
        thoroughness=BRIEF,
        on_progress=told,
        run=run,
    ).plan


def at_speeds(run, speeds):
    """What the children say, but for how fast the ways were."""

    def run_at(ways, repeat_s):
        report = run(ways, repeat_s)
        if report is None:
            return None
        told = [each.model_copy(update={"images_per_s": speeds.get(each.way, 10.0)}) for each in report.ways]
        return report.model_copy(update={"ways": tuple(told)})

    return run_at


def test_streams_of_a_model_that_waits_are_faster_by_their_number(tmp_path) -> None:
    # Given a model whose call of one image takes 0.1 s by the clock
    directory, spec = built(tmp_path, call_s=0.1)
    one_by_one = spec.model_copy(update={"signature": spec.signature.model_copy(update={"batch": "one"})})

    # When it is timed with two at once
    report = children_of(directory, one_by_one)([PLAIN, TWO], BRIEF.repeat_s)

    # Then they are twice as fast, and find the same
    assert report is not None
    plain, two = report.ways
    assert (plain.way, two.way, plain.against, two.against) == (PLAIN, TWO, "", "")
    assert two.images_per_s / plain.images_per_s == pytest.approx(2, abs=0.4)
    assert 150 * MIB < report.running_bytes < 600 * MIB


def test_a_frozen_graph_that_is_faster_is_the_plan_and_its_memory_is_known(tmp_path) -> None:
    directory, spec = built(tmp_path)

    plan = plan_of(directory, spec, at_speeds(children_of(directory, spec), {TWO: 15.0, TWO_FROZEN: 20.0}))

    assert (plan.frozen, plan.streams, plan.speedup) == (True, 2, 2.0)
    assert 150 * MIB < plan.load_bytes < 600 * MIB


def test_a_graph_whose_numbers_differ_is_refused(tmp_path) -> None:
    # Given a model that finds other things each time
    import tensorflow as tf

    directory, spec = built(tmp_path)

    class Guessing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
        def detect(self, input_tensor):
            count = tf.shape(input_tensor)[0]
            corner = tf.random.uniform([count, 5, 2], 0.0, 0.5)
            return {
                "detection_boxes": tf.concat([corner, corner + 0.3], axis=2),
                "detection_scores": tf.random.uniform([count, 5], 0.4, 1.0),
                "detection_classes": tf.ones([count, 5]),
                "num_detections": tf.fill([count], 5.0),
            }

    model = Guessing()
    tf.saved_model.save(model, str(directory), signatures={"serving_default": model.detect})
    told = {}

    # When it would be faster frozen
    run = at_speeds(children_of(directory, spec), {TWO: 15.0, TWO_FROZEN: 90.0})
    plan = plan_of(directory, spec, run, lambda way, timed: told.update({way: timed}))

    # Then that is no way to run it
    assert "class 1 with a score of" in told[TWO_FROZEN].against
    assert (plan.frozen, plan.speedup) == (False, 1.5)


def test_a_graph_that_cannot_be_frozen_is_said_to_be_so(tmp_path) -> None:
    # Given a model that looks something up in a table
    import tensorflow as tf

    directory, spec = built(tmp_path)

    class WithTable(tf.Module):
        def __init__(self):
            super().__init__()
            keys = tf.lookup.KeyValueTensorInitializer(tf.constant([1]), tf.constant([0.9]))
            self.table = tf.lookup.StaticHashTable(keys, 0.0)

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
        def detect(self, input_tensor):
            ones = tf.ones([tf.shape(input_tensor)[0]])
            return {
                "detection_boxes": ones[:, None, None] * [[[0.1, 0.1, 0.5, 0.5]]],
                "detection_scores": ones[:, None] * self.table.lookup(tf.constant(1)),
                "detection_classes": ones[:, None],
                "num_detections": ones,
            }

    model = WithTable()
    tf.saved_model.save(model, str(directory), signatures={"serving_default": model.detect})

    # Then its streams are what there is
    told = {}
    run = at_speeds(children_of(directory, spec), {TWO: 15.0, TWO_FROZEN: 90.0})
    plan = plan_of(directory, spec, run, lambda way, timed: told.update({way: timed}))
    assert told[TWO_FROZEN].against == "its graph cannot be frozen"
    assert (plan.frozen, plan.streams) == (False, 2)


def test_no_room_for_other_ways_leaves_the_model_as_it_was_exported(tmp_path) -> None:
    spec = build_hungry_model(tmp_path, "hungry", holds_mib=200)
    directory = tmp_path / "hungry" / "1"

    assert plan_of(directory, spec, children_of(directory, spec, budget_bytes=500 * MIB)) == PLAIN


def test_what_is_shown_has_something_in_it() -> None:
    from workers.profile.ways.pictures import COUNT, pictures

    shown = pictures(64, 48)

    assert len(shown) == COUNT
    assert all(picture.shape == (48, 64, 3) and picture.dtype == np.uint8 for picture in shown)
    assert all(picture.std() > 20 for picture in shown)
    assert np.array_equal(pictures(64, 48)[3], shown[3])
