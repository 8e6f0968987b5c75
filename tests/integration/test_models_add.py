"""`vedette models add` on models of many exporters, and on what is none: a registered model, or one clear message."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from contract.errors import VedetteError
from contract.memory import GIB
from contract.settings import load_settings
from tests.support import archives
from tests.support.exporters import exporters
from tests.support.exporters.bright import SCORE, known_answer
from tests.support.images import scene
from workers.adding import Wanted, add_model
from workers.engine.saved_model import SavedModel
from workers.profile import Effort
from workers.store import ModelStore

pytestmark = pytest.mark.integration

#: Of a process that tries a model.
BUDGET_BYTES = GIB
#: One process that measures; the others are tested by themselves.
ONE_LOAD = Effort(
    batches=(1,), sizes=(), halvings=0, checks=(), repeat_s=0.05, call_max_s=10, timeout_s=120
)  # fmt: skip
#: Of each outputs kind and each way of feeding, at least one.
FORMS = [
    *("od-api-image-tensor", "od-api-encoded", "official-pixels", "official-yolo"),
    *("automl-tf1", "ultralytics", "keras-retinanet", "keras-d-fine"),
]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(load_settings(model_store=tmp_path / "store"))


def add(store: ModelStore, source: Path | str, **wanted):
    steps = []
    added = add_model(
        store,
        Wanted(**{"source": str(source), "name": "bright", **wanted}),
        threads=1,
        budget_bytes=BUDGET_BYTES,
        effort=ONE_LOAD,
        tell=lambda told: steps.append(told) if told.done else None,
        command="a test",
    )
    assert [told.step for told in steps] == ["fetch", "inspect", "labels", "profile", "register"]
    return added.spec


def labels(tmp_path: Path) -> str:
    path = tmp_path / "labels.pbtxt"
    names = ["bright", *(f"class {number}" for number in range(2, 92))]
    path.write_text("\n".join(f"item {{ id: {number} name: '{name}' }}" for number, name in enumerate(names, 1)))
    return str(path)


@pytest.mark.parametrize("form", FORMS)
def test_it_ends_with_a_registered_model_that_finds_what_a_direct_call_finds(tmp_path, store, form):
    # Given a model as its exporter wrote it
    exporter, source = exporters()[form], tmp_path / "exported"
    source.mkdir()
    exporter.build(source)

    # When it is added
    spec = add(store, source, labels=labels(tmp_path))

    # Then it is in the store, with measured numbers
    [found] = store.specs()
    assert found == spec
    assert (found.form, found.version, found.labels[str(exporter.first_class)]) == (exporter.form, "1", "bright")
    assert found.memory.base_bytes > 100_000_000
    assert found.memory.measured["command"] == "a test"
    # And what the store has gives the known answer
    _, directory = store.find(spec.ref, spec.digest)
    image = scene(300, 200, seed=3)
    [raw] = SavedModel(directory, found).detect(image[None])
    sure = raw.scores > 0.5
    assert raw.scores[sure].tolist() == [pytest.approx(SCORE, abs=1e-3)]
    assert raw.class_ids[sure].tolist() == [exporter.first_class]
    close = 1.5 / min(exporter.size_px) * 1.5 if exporter.size_px else 1e-4
    assert raw.boxes[sure][0] == pytest.approx(known_answer(image), abs=close)


def test_versions_count_up_and_an_existing_one_is_refused_before_anything_is_fetched(tmp_path, store):
    source = tmp_path / "exported"
    source.mkdir()
    exporters()["od-api-dynamic"].build(source)
    first = add(store, source, labels=labels(tmp_path))
    second = add(store, source, labels=labels(tmp_path))

    assert (first.version, second.version) == ("1", "2")
    with pytest.raises(VedetteError) as refused:
        add(store, "http://127.0.0.1:1/model.tar.gz", version="2")
    assert refused.value.code == "model_exists"


class Killer(tf.Module):
    """Fine for the pictures of the trial run, and the end of the process for a picture of the profile's size."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")])
    def detect(self, input_tensor):
        size = tf.shape(input_tensor)
        large = tf.cast(size[1] > 500, tf.int32)
        # Four times what it may take, if the picture is large; random, so that every page is touched.
        held = tf.random.uniform([1 + large * (BUDGET_BYTES - 1)])
        box = tf.zeros([size[0], 1, 4]) + 0 * tf.reduce_max(held)
        return {
            "detection_boxes": box,
            "detection_scores": tf.ones([size[0], 1]) * 0.5,
            "detection_classes": tf.ones([size[0], 1]),
            "num_detections": tf.ones([size[0]]),
        }


class Words(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def say(self, text):
        return {"length": tf.strings.length(text)}


def saved(directory: Path, model: tf.Module, function) -> Path:
    tf.saved_model.save(model, str(directory), signatures={"serving_default": function})
    return directory


def no_model(path: Path) -> Path:
    path.mkdir()
    (path / "readme.txt").write_text("nothing")
    return path


def exported(path: Path) -> Path:
    path.mkdir()
    exporters()["od-api-dynamic"].build(path)
    return path


def truncated_variables(path: Path) -> Path:
    [shard] = exported(path).glob("variables/variables.data-*")
    archives.cut(shard, shard.stat().st_size // 2)
    return path


def truncated_graph(path: Path) -> Path:
    archives.cut(exported(path) / "saved_model.pb", 2000)
    return path


def unknown_op(path: Path) -> Path:
    graph = exported(path) / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"ReadVariableOp", b"RaedVariableOp"))
    return path


def escaping(path: Path) -> Path:
    return archives.tar(path.with_suffix(".tar.gz"), {"../../escaped.pb": b"x", "saved_model.pb": b"x"})


BAD = {
    "not a SavedModel": (no_model, {}, "model_source", "saved_model.pb"),
    "nothing there": (lambda path: path, {}, "model_source", "no such file or directory"),
    "truncated variables": (truncated_variables, {}, "model_source", "variables"),
    "truncated graph": (truncated_graph, {}, "model_broken", "saved_model.pb cannot be read"),
    "unknown operation": (unknown_op, {}, "model_broken", "RaedVariableOp"),
    "no boxes": (lambda path: saved(path, m := Words(), m.say), {}, "signature_unknown", "text"),
    "no labels": (exported, {"labels": None}, "labels_invalid", "--labels"),
    "labels of fewer classes": (exported, {"labels": "few.json"}, "labels_invalid", "have no label: 1"),
    "no such labels": (exported, {"labels": "none.txt"}, "labels_invalid", "none.txt"),
    "bad name": (exported, {"name": "Bright One"}, "model_source", "A name is made of a-z"),
    "escape from an archive": (escaping, {}, "model_source", "escaped.pb"),
    "unreachable": (lambda _: "http://127.0.0.1:1/model.tar.gz", {}, "model_source", "127.0.0.1:1"),
    "kills the profiler": (lambda path: saved(path, m := Killer(), m.detect), {}, "profile_failed", "be profiled"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "wanted", "code", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_added_is_one_message_and_leaves_nothing(tmp_path, store, monkeypatch, make, wanted, code, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.json").write_text('{"7": "seven"}')
    source = make(tmp_path / "source")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))

    with pytest.raises(VedetteError) as error:
        add(store, source, **{"labels": labels(tmp_path), **wanted})

    assert error.value.code == code, str(error.value)
    assert says in str(error.value)
    assert "Traceback" not in str(error.value)
    assert [*store.specs()] == []
    assert not (tmp_path / "store").exists() or [*(tmp_path / "store").glob("*/*")] == []
    assert [*work.iterdir()] == []
    assert not (tmp_path.parent / "escaped.pb").exists()


def test_a_description_by_hand_serves_where_no_form_is_known(tmp_path, store):
    # Given a model whose names no exporter uses
    class Odd(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "photo")])
        def detect(self, photo):
            from tests.support.exporters.bright import extents

            boxes, found = extents(photo)
            return {"where": boxes[:, None], "how_sure": found[:, None] * SCORE, "what": tf.ones_like(found)[:, None]}

    model = Odd()
    source = saved(tmp_path / "odd", model, model.detect)
    with pytest.raises(VedetteError, match=r"\[outputs\]") as unknown:
        add(store, source, labels=labels(tmp_path))
    assert unknown.value.code == "signature_unknown"

    # When somebody says what they mean
    spec = add(
        store,
        source,
        labels=labels(tmp_path),
        override={
            "signature": {"input": "photo", "input_dtype": "float32"},
            "outputs": {"kind": "boxes", "boxes": "where", "scores": "how_sure", "classes": "what", "count": ""},
        },
    )

    # Then it works
    _, directory = store.find(spec.ref, spec.digest)
    image = scene(120, 90, seed=1)
    [raw] = SavedModel(directory, spec).detect(image[None])
    assert raw.boxes[0] == pytest.approx(known_answer(image), abs=1e-4)
    assert np.isclose(raw.scores[0], SCORE)
