"""What stands in a SavedModel's files is told without running it; what somebody wrote goes first."""

import shutil

import pytest

from contract.errors import ModelBroken, SignatureUnknown
from contract.model_io import BoxesOutputs, GridOutputs
from tests.support.builders import spec_with
from workers.engine.inspect import inspect_model, read_facts
from workers.engine.trial import trial

pytestmark = pytest.mark.integration


def test_facts_are_read_without_the_weights(exported, tmp_path):
    # Given a model whose variables are gone
    directory = tmp_path / "1"
    shutil.copytree(exported("od-api-image-tensor"), directory)
    shutil.rmtree(directory / "variables")

    facts = read_facts(directory)

    assert list(facts.signatures) == ["serving_default"]
    assert str(facts.signatures["serving_default"]).splitlines()[:2] == [
        "  signature serving_default",
        "    input   input_tensor              uint8 [1, ?, ?, 3]",
    ]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no saved_model.pb"),
        ({"saved_model.pb": b"\xff" * 40}, "cannot be read"),
        ({"saved_model.pb": b""}, "holds no graph"),
        ({"saved_model.pbtxt": b"{{{"}, "cannot be read"),
    ],
)
def test_what_is_no_saved_model_is_named(tmp_path, files, says):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelBroken, match=says):
        inspect_model(tmp_path)


def test_operations_that_are_not_here_are_named(exported, tmp_path):
    # Given a model with an operation of somebody's own
    directory = tmp_path / "1"
    shutil.copytree(exported("od-api-image-tensor"), directory)
    graph = directory / "saved_model.pb"
    content = graph.read_bytes()
    assert b"ArgMax" in content
    graph.write_bytes(content.replace(b"ArgMax", b"ArkMax"))

    with pytest.raises(ModelBroken, match="does not have: ArkMax"):
        inspect_model(directory)


def test_a_classifier_is_refused_with_its_signature_and_the_lines_to_write(tmp_path):
    import tensorflow as tf

    model = tf.Module()
    takes = [tf.TensorSpec([None, 224, 224, 3], tf.float32, "image")]
    call = tf.function(lambda image: {"probabilities": tf.reduce_mean(image, [1, 2])}, input_signature=takes)
    tf.saved_model.save(model, str(tmp_path), signatures={"serving_default": call})

    with pytest.raises(SignatureUnknown) as refused:
        inspect_model(tmp_path)

    assert "probabilities  float32 [?, 3]" in str(refused.value)
    assert 'input = "image"' in str(refused.value)


def test_what_somebody_wrote_goes_before_what_is_recognised(exported):
    override = {"signature": {"batch": 2, "resizes_to_px": 512}, "outputs": {"units": "pixel"}, "first_class": 7}

    inspected = inspect_model(exported("official-pixels"), override=override)

    assert (inspected.signature.batch, inspected.signature.resizes_to_px) == (2, 512)
    assert inspected.signature.input == "inputs"
    assert inspected.outputs == BoxesOutputs(units="pixel", image_info="image_info")
    assert inspected.first_class == 7
    assert inspected.alternatives == ()


def test_an_unknown_model_is_served_by_its_description(exported):
    override = {
        "signature": {"input": "images", "input_dtype": "float32", "std": [255, 255, 255], "batch": "one"},
        "outputs": {"kind": "grid", "tensor": "output_0"},
    }

    inspected = inspect_model(exported("ultralytics"), override=override)

    assert inspected.form == ""
    assert inspected.outputs == GridOutputs(tensor="output_0")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"signature": {"key": "other"}}, "no signature other"),
        ({"signature": {"input": "other"}}, "does not take other"),
        ({"signature": {"batch": "some"}}, "the description by hand is wrong"),
        ({"outputs": {"kind": "mask"}}, "the description by hand is wrong"),
        ({"outputs": {"kind": "grid"}}, "tensor: Field required"),
    ],
)
def test_a_description_that_cannot_be_is_refused(exported, override, says):
    with pytest.raises(SignatureUnknown, match=says):
        inspect_model(exported("od-api-image-tensor"), override=override)


@pytest.mark.parametrize(
    ("name", "outputs", "says"),
    [
        ("official-pixels", {"units": "fraction", "image_info": ""}, "far outside"),
        ("official-normalised", {"image_info": ""}, "smaller than a pixel"),
        ("official-pixels", {"classes": "detection_scores"}, "not whole"),
        ("keras-d-fine", {"activation": "none"}, "logits"),
    ],
)
def test_a_reading_that_a_run_speaks_against_is_refused(exported, name, outputs, says):
    inspected = inspect_model(exported(name), override={"outputs": outputs})

    with pytest.raises(SignatureUnknown, match=says):
        trial(exported(name), spec_with(inspected.signature, inspected.outputs))


def test_a_model_that_takes_one_image_whatever_it_says_is_given_one(tmp_path):
    import tensorflow as tf

    from tests.support.exporters.bright import Bright, save

    model = Bright()

    def one(images):
        boxes, scores = model.find(images)
        return {  # somebody's reshape
            "detection_boxes": tf.reshape(boxes, [1, 1, 4]),
            "detection_scores": tf.reshape(scores, [1, 1]),
            "detection_classes": tf.ones([1, 1]),
            "num_detections": tf.ones([1]),
        }

    save(tmp_path, model, tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor"), one)
    inspected = inspect_model(tmp_path)
    assert inspected.signature.batch == "dynamic"

    report = trial(tmp_path, spec_with(inspected.signature, inspected.outputs))

    assert report.signature.batch == "one"
    assert "one at a time" in report.notes[0]


def test_a_model_that_does_not_run_is_refused_as_it_was_called(tmp_path):
    import tensorflow as tf

    from tests.support.exporters.bright import Bright, save

    model = Bright()

    def answer(images):
        tf.debugging.assert_equal(tf.shape(images)[1:3], [32, 32])  # takes one size, and says any
        boxes, scores = model.find(images)
        return {
            "detection_boxes": boxes[:, None],
            "detection_scores": scores[:, None],
            "detection_classes": tf.ones_like(scores)[:, None],
            "num_detections": tf.ones_like(scores),
        }

    save(tmp_path, model, tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor"), answer)
    inspected = inspect_model(tmp_path)

    with pytest.raises(SignatureUnknown, match=r"(?s)a trial run failed: .*set size_px; called as"):
        trial(tmp_path, spec_with(inspected.signature, inspected.outputs))

    inspected = inspect_model(tmp_path, override={"signature": {"size_px": [32, 32]}})
    assert trial(tmp_path, spec_with(inspected.signature, inspected.outputs)).notes == ()


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        ({"size_px": [32, 32]}, r"takes float32 \[1, 64, 64, 3\], and its model.toml says float32 \[1, 32, 32, 3\]"),
        ({"batch": "dynamic"}, r"says float32 \[\?, 64, 64, 3\]"),
        ({"input_dtype": "uint8"}, "says uint8"),
        ({"layout": "nchw"}, r"\[1, 3, 64, 64\]"),
    ],
)
def test_a_description_that_the_tensor_excludes_is_refused(exported, signature, says):
    inspected = inspect_model(exported("ultralytics"), override={"signature": signature})

    with pytest.raises(ModelBroken, match=says):
        trial(exported("ultralytics"), spec_with(inspected.signature, inspected.outputs))
