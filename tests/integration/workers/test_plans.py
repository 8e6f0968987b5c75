"""Models run as an engine plan says, with real SavedModels in this process."""

from concurrent.futures import wait
from pathlib import Path

import numpy as np
import pytest

from contract.engine_plan import PLAIN, EnginePlan
from contract.model_spec import FILE_NAME, read_spec
from contract.settings import load_settings
from tests.support.tiny_model import build_tiny_model
from workers.engine.models import RUNTIME_BYTES, LoadedModels
from workers.store import ModelStore
from workers.store.spec_text import spec_toml

pytestmark = pytest.mark.integration

BUNDLED = Path(__file__).parents[3] / "workers" / "bundled" / "defects-small" / "1"
FROZEN = EnginePlan(machine="here", frozen=True, streams=2, call_images=1, load_bytes=RUNTIME_BYTES + 500 * 2**20)


@pytest.fixture(scope="module")
def plates():
    """uint8 RGB [4, 720, 960, 3]: plates with defects that the bundled model was not trained on."""
    from training.plates import held_out
    from vedette.plates import render_plate

    return np.stack([render_plate(seed, 960, 720).image for seed in held_out(0, 4)])


def bundled(plan):
    from workers.engine.saved_model import SavedModel

    return SavedModel(BUNDLED, read_spec(BUNDLED / FILE_NAME), plan, 2)


def test_a_frozen_graph_finds_what_the_exported_one_finds(plates):
    exported, frozen = bundled(PLAIN), bundled(FROZEN)

    assert frozen.plan.frozen
    found = 0
    for one, other in zip(exported.detect(plates), frozen.detect(plates), strict=True):
        found += int((one.scores > 0.5).sum())
        np.testing.assert_allclose(other.scores, one.scores, atol=1e-4)
        np.testing.assert_allclose(other.boxes, one.boxes, atol=1e-4)
        assert other.class_ids.tolist() == one.class_ids.tolist()
    assert found > 4


def test_calls_of_several_streams_give_what_one_gives(plates):
    model = bundled(FROZEN)
    together = [model.streams.submit(model.detect, plates[n % 4][None]) for n in range(16)]
    wait(together)

    for n, call in enumerate(together):
        alone = model.detect(plates[n % 4][None])[0]
        np.testing.assert_allclose(call.result()[0].scores, alone.scores, atol=1e-5)


def test_a_graph_that_cannot_be_frozen_is_run_as_it_was_exported(tmp_path, caplog):
    # Given a model that looks something up in a table, which no constant can be
    import tensorflow as tf

    spec = read_spec(build_tiny_model(tmp_path, "tiny") / FILE_NAME)
    plain = tf.saved_model.load(str(tmp_path / "tiny" / "1"))

    class WithTable(tf.Module):
        def __init__(self):
            super().__init__()
            self.inner = plain
            keys = tf.lookup.KeyValueTensorInitializer(tf.constant([1]), tf.constant([1.0]))
            self.table = tf.lookup.StaticHashTable(keys, 0.0)

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
        def call(self, input_tensor):
            outputs = self.inner.signatures["serving_default"](input_tensor=input_tensor)
            scores = outputs["detection_scores"] * self.table.lookup(tf.constant(1))
            return {**outputs, "detection_scores": scores}

    module = WithTable()
    tf.saved_model.save(module, str(tmp_path / "table"), signatures={"serving_default": module.call})

    from workers.engine.saved_model import SavedModel

    model = SavedModel(tmp_path / "table", spec, FROZEN, 2)

    bright = np.full((1, 8, 8, 3), 255, np.uint8)
    assert model.detect(bright)[0].scores.tolist() == pytest.approx([0.9])
    assert (model.plan.frozen, model.plan.streams) == (False, 2)
    assert "tiny@1 is run as it was exported" in caplog.text


@pytest.fixture
def loaded(tmp_path):
    """Models of a slot of class `here` with 900 MB, whose one model has the plan FROZEN."""
    directory = build_tiny_model(tmp_path, "tiny")
    exported = read_spec(directory / FILE_NAME)
    store = ModelStore(load_settings(model_store=tmp_path))

    def of(machine, plan=FROZEN):
        spec = exported.model_copy(update={"engine": (plan,)})
        (directory / FILE_NAME).write_text(spec_toml(spec))
        return LoadedModels(store, 900 * 2**20, machine=machine, threads=2), spec

    return of


@pytest.mark.parametrize(
    ("machine", "room_bytes", "frozen", "streams"),
    [
        ("here", None, True, 2),
        ("elsewhere", None, False, 1),
        ("here", FROZEN.load_bytes, True, 2),
        ("here", FROZEN.load_bytes - 1, False, 2),
    ],
)
def test_the_plan_of_the_machine_is_followed_where_it_has_room(loaded, machine, room_bytes, frozen, streams):
    models, spec = loaded(machine)

    model = models.get(spec.ref, spec.digest, room_bytes=room_bytes)

    assert (model.plan.frozen, model.plan.streams) == (frozen, streams)


def test_an_exact_job_has_no_reduced_precision_and_leaves_it_to_others(loaded):
    models, spec = loaded("here", FROZEN.model_copy(update={"bf16": True}))
    model = models.get(spec.ref, spec.digest)
    assert models.held(spec.digest, exact=True) is None

    exact = models.get(spec.ref, spec.digest, exact=True)

    assert (model.plan.bf16, exact.plan.bf16) == (True, False)
    assert models.held(spec.digest, exact=True) is models.get(spec.ref, spec.digest, exact=True) is exact
    assert models.held(spec.digest) is models.get(spec.ref, spec.digest) is model


def test_one_model_serves_exact_jobs_too_where_it_computes_in_full_precision(loaded):
    models, spec = loaded("here")

    exact = models.get(spec.ref, spec.digest, exact=True)

    assert models.get(spec.ref, spec.digest) is models.held(spec.digest, exact=True) is exact
