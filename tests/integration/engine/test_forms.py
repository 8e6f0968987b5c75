"""One detector, exported as every exporter does it: recognised, tried, run, and always the same answer."""

import numpy as np
import pytest

from contract.errors import SignatureUnknown
from tests.support.builders import spec_with
from tests.support.exporters import exporters
from tests.support.exporters.bright import SCORE, known_answer
from tests.support.images import scene
from workers.engine.inspect import inspect_model
from workers.engine.saved_model import SavedModel
from workers.engine.trial import trial

pytestmark = pytest.mark.integration

EXPORTERS = exporters()
#: Width and height.
SIZES = [(64, 48), (40, 96), (300, 200)]


def spec_of(inspected):
    return spec_with(inspected.signature, inspected.outputs)


@pytest.fixture(params=EXPORTERS)
def name(request):
    return request.param


def test_it_is_recognised_tried_and_gives_the_known_answer(exported, name):
    expected, directory = EXPORTERS[name], exported(name)

    # When inspected
    inspected = inspect_model(directory)

    # Then its form is known
    assert (inspected.form, inspected.first_class) == (expected.form, expected.first_class)
    assert (inspected.signature.batch, inspected.signature.size_px) == (expected.batch, expected.size_px)

    # When tried
    spec = spec_of(inspected)
    report = trial(directory, spec, inspected.alternatives)

    # Then the trial settles what was open, and takes nothing back
    assert report.signature == inspected.signature
    assert expected.first_class in report.class_ids
    assert report.best_score == pytest.approx(SCORE)
    assert report.notes == ()

    # When run on images of several sizes, more of each than go in a call
    model = SavedModel(directory, spec.model_copy(update={"outputs": report.outputs}))
    for width, height in SIZES:
        images = np.stack([scene(width, height, seed) for seed in range(5)])
        found = model.detect(images)

        # Then each image has its own box
        for image, raw in zip(images, found, strict=True):
            sure = raw.scores > 0.5
            assert raw.scores[sure].tolist() == [pytest.approx(SCORE, abs=1e-3)]
            assert raw.class_ids[sure].tolist() == [expected.first_class]
            # To the bit nearly, or to a pixel and a half of the size that it was brought to.
            letterboxed = max(width / height, height / width)
            close = 1.5 / min(expected.size_px) * letterboxed if expected.size_px else 1e-4
            assert raw.boxes[sure][0] == pytest.approx(known_answer(image), abs=close)


@pytest.mark.parametrize("name", ["od-api-dynamic", "official-pixels", "ultralytics"], indirect=True)
def test_a_dark_image_has_no_detection(exported, name):
    inspected = inspect_model(exported(name))

    [raw] = SavedModel(exported(name), spec_of(inspected)).detect(np.full((1, 50, 70, 3), 20, np.uint8))

    assert not (raw.scores > 0.01).any()


def test_how_many_images_share_a_call_changes_no_answer(exported):
    directory = exported("od-api-dynamic")
    spec = spec_of(inspect_model(directory))
    images = np.stack([scene(64, 48, seed) for seed in range(5)])
    answers = []
    for batch in ("dynamic", "one", 2, 3, 8):
        signature = spec.signature.model_copy(update={"batch": batch})
        answers.append(SavedModel(directory, spec.model_copy(update={"signature": signature})).detect(images))

    for other in answers[1:]:
        for one, same in zip(answers[0], other, strict=True):
            assert np.array_equal(one.boxes, same.boxes)
            assert np.array_equal(one.scores, same.scores)


def test_outputs_that_nobody_reads_are_not_computed(exported):
    import tensorflow as tf

    directory, image = exported("od-api-masks"), scene(64, 48)[None]
    # Given a model whose masks nobody could hold
    loaded = tf.saved_model.load(str(directory))
    with pytest.raises(tf.errors.ResourceExhaustedError):
        loaded.signatures["serving_default"](input_tensor=tf.constant(image))

    [raw] = SavedModel(directory, spec_of(inspect_model(directory))).detect(image)

    assert raw.boxes[0] == pytest.approx(known_answer(image[0]))


@pytest.mark.parametrize(
    ("build", "says"),
    [("tf_example", "serialised tf.Example records"), ("side_inputs", "context_features")],
)
def test_what_is_known_not_to_be_served_is_refused_with_its_reason(tmp_path, build, says):
    from tests.support.exporters import od_api

    getattr(od_api, build)(tmp_path)

    with pytest.raises(SignatureUnknown, match=says):
        inspect_model(tmp_path)


def test_undecoded_boxes_are_refused(tmp_path):
    from tests.support.exporters import official

    official.undecoded(tmp_path)

    with pytest.raises(SignatureUnknown, match="decode_boxes=false"):
        inspect_model(tmp_path)
