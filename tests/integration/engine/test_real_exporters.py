"""Exporters themselves, where they are installed: networks with random weights, read as their own code reads them."""

import numpy as np
import pytest

from contract.model_io import AnchorsOutputs, QueriesOutputs
from tests.support.builders import spec_with
from tests.support.images import scene
from workers.engine.inspect import inspect_model
from workers.engine.saved_model import SavedModel
from workers.engine.trial import trial

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

SIZE_PX = (96, 160)


def loaded(directory):
    inspected = inspect_model(directory)
    spec = spec_with(inspected.signature, inspected.outputs)
    report = trial(directory, spec, inspected.alternatives)
    return inspected, report, SavedModel(directory, spec.model_copy(update={"outputs": report.outputs}))


def test_keras_export_of_a_network_of_queries(tmp_path):
    import keras

    # Given a detector with a box and three classes for each of its 60 cells
    keras.utils.set_random_seed(3)
    images = keras.Input((*SIZE_PX, 3), name="images")
    hidden = keras.layers.Conv2D(8, 3, 16, padding="same", activation="relu")(images)
    boxes = keras.layers.Conv2D(4, 1, activation="sigmoid")(hidden)
    logits = keras.layers.Conv2D(3, 1, bias_initializer="zeros")(hidden)
    model = keras.Model(
        images,
        {
            "pred_boxes": keras.layers.Reshape((60, 4))(boxes),
            "logits": keras.layers.Reshape((60, 3))(logits),
            "unread": keras.layers.GlobalAveragePooling2D()(hidden),
        },
    )
    model.export(str(tmp_path), verbose=False)

    inspected, report, served = loaded(tmp_path)

    assert inspected.form == "detr"
    assert isinstance(report.outputs, QueriesOutputs)
    assert inspected.signature.size_px == SIZE_PX
    pixels = np.stack([scene(SIZE_PX[1], SIZE_PX[0], seed) for seed in range(3)])
    direct = {name: value.numpy() for name, value in model(pixels / np.float32(255)).items()}
    for i, raw in enumerate(served.detect(pixels)):
        scores = 1 / (1 + np.exp(-direct["logits"][i]))
        rows = np.argsort(-scores.max(axis=1), kind="stable")
        assert raw.scores == pytest.approx(scores.max(axis=1)[rows], abs=1e-5)
        assert raw.class_ids.tolist() == scores.argmax(axis=1)[rows].tolist()
        x, y, width, height = direct["pred_boxes"][i][rows].T
        by_hand = np.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=1)
        assert raw.boxes == pytest.approx(by_hand, abs=1e-5)


def test_keras_hub_retinanet_is_decoded_as_keras_hub_decodes_it(tmp_path):
    keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    import keras

    # Given a RetinaNet that no preset is needed for
    keras.utils.set_random_seed(5)
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64, 64, 64],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        image_shape=(*SIZE_PX, 3),
    )
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=encoder,
        min_level=3,
        max_level=5,
        use_p5=False,
        use_fpn_batch_norm=False,
        image_shape=(*SIZE_PX, 3),
    )
    model = keras_hub.models.RetinaNetObjectDetector(backbone=backbone, num_classes=3, bounding_box_format="yxyx")
    model.export(str(tmp_path), format="tf_saved_model", verbose=False)
    assert inspect_model(tmp_path).form == "keras-hub-retinanet"
    # No trial: boxes of a network that was never trained lie anywhere.
    levels = {"min_level": backbone.min_level, "max_level": backbone.max_level}
    outputs = {**levels, "suppression": {"min_score": 0.0, "most": 50}}
    # Faint images, so that such a network's regressions stay small.
    inspected = inspect_model(tmp_path, override={"signature": {"std": [5000] * 3}, "outputs": outputs})
    served = SavedModel(tmp_path, spec_with(inspected.signature, inspected.outputs))

    assert isinstance(inspected.outputs, AnchorsOutputs)
    pixels = scene(SIZE_PX[1], SIZE_PX[0])[None]
    fed = (pixels - np.array(inspected.signature.mean)) / np.array(inspected.signature.std)
    answer = model(fed.astype(np.float32))
    anchors = keras.ops.concatenate(list(model.anchor_generator(fed).values()), axis=0)
    theirs = keras.utils.bounding_boxes.decode_deltas_to_boxes(
        anchors=anchors,
        boxes_delta=answer["bbox_regression"],
        encoded_format="center_xywh",
        anchor_format="yxyx",
        box_format="yxyx",
        image_shape=(*SIZE_PX, 3),
    )
    theirs = np.array(theirs)[0] / np.array(SIZE_PX * 2)
    scores = 1 / (1 + np.exp(-np.array(answer["cls_logits"])[0]))

    [raw] = served.detect(pixels)

    # Each of our rows is one of theirs, with its score; the best of theirs is our first.
    assert len(raw.boxes) == 50
    assert raw.scores[0] == pytest.approx(scores.max(), abs=1e-5)
    for box, score, class_id in zip(raw.boxes, raw.scores, raw.class_ids, strict=True):
        near = np.isclose(theirs, box, rtol=1e-4, atol=1e-4).all(axis=1)
        assert np.abs(scores[near, class_id] - score).min() < 1e-5


@pytest.mark.parametrize("normalised", [False, True], ids=["pixels", "normalised"])
def test_the_official_exporter(tmp_path, normalised):
    pytest.importorskip("official", reason="tf-models-official is not installed")
    import tensorflow as tf
    from official.core import exp_factory
    from official.vision import registry_imports  # noqa: F401
    from official.vision.serving import detection

    # Given a RetinaNet as its own exporter writes it
    params = exp_factory.get_exp_config("retinanet_mobile_coco")
    params.task.export_config.output_normalized_coordinates = normalised
    params.task.model.detection_generator.pre_nms_score_threshold = 0.0
    module = detection.DetectionModule(
        params=params, batch_size=None, input_image_size=[128, 128], input_type="image_tensor", num_channels=3
    )
    # `export_base.export` saves the module itself, and takes ten minutes to trace every layer for another training.
    signatures = module.get_inference_signatures({"image_tensor": "serving_default"})
    holder = tf.Module()
    holder.held = list(module.model.variables)  # the heads have theirs from the first tracing on
    tf.saved_model.save(holder, str(tmp_path), signatures=signatures)

    inspected, report, served = loaded(tmp_path)

    assert inspected.form == "official-vision"
    assert report.outputs.units == ("fraction" if normalised else "pixel")
    pixels = np.stack([scene(200, 150, seed) for seed in range(2)])
    direct = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](inputs=tf.constant(pixels))
    direct = {name: value.numpy() for name, value in direct.items()}
    for i, raw in enumerate(served.detect(pixels)):
        count = direct["num_detections"][i]
        assert count > 0
        by_hand = direct["detection_boxes"][i, :count]
        if not normalised:
            y_scale, x_scale = direct["image_info"][i, 2]
            by_hand = by_hand / np.array([y_scale * 150, x_scale * 200] * 2)
        assert raw.boxes == pytest.approx(by_hand, abs=1e-5)
        assert raw.scores == pytest.approx(direct["detection_scores"][i, :count])
        assert raw.class_ids.tolist() == direct["detection_classes"][i, :count].tolist()
