"""What each exporter's signature is taken for. The signatures were read back from exported models, or in exporters."""

import subprocess
import sys

import pytest

from contract.model_io import (
    AnchorsOutputs,
    BoxesOutputs,
    CandidatesOutputs,
    GridOutputs,
    QueriesOutputs,
    RowsOutputs,
    Signature,
)
from workers.engine.facts import ModelFacts, SideFiles, SignatureFacts, TensorFacts
from workers.engine.forms import FORMS, Recognised, Refused, recognise

N = None
IMAGENET = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
TO_ONE = {"std": (255.0, 255.0, 255.0)}
ROW = ("box0", "box1", "box2", "box3", "score", "class")


def tensors(**named: str) -> dict[str, TensorFacts]:
    """`name="float32 1 ? 4"`: type and shape."""
    read = {}
    for name, text in named.items():
        dtype, *sides = text.split()
        read[name] = TensorFacts(dtype, tuple(None if side == "?" else int(side) for side in sides), f"{name}:0")
    return read


def facts(inputs, outputs, *, key="serving_default", side=None, ops=(), others=()) -> ModelFacts:
    signatures = {key: SignatureFacts(key, inputs, outputs)}
    for other in others:
        signatures[other] = SignatureFacts(other, tensors(x="float32 1"), tensors(y="float32 1"))
    return ModelFacts(signatures, side or SideFiles(), frozenset(ops))


def four(batch="1", classes="float32", count="float32") -> dict[str, TensorFacts]:
    return tensors(
        detection_boxes=f"float32 {batch} 100 4",
        detection_scores=f"float32 {batch} 100",
        detection_classes=f"{classes} {batch} 100",
        num_detections=f"{count} {batch}",
    )


OD = {**four(), **tensors(raw_detection_boxes="float32 1 1917 4", raw_detection_scores="float32 1 1917 91")}
MASKS = {**OD, **tensors(detection_masks="float32 1 100 33 33", anchors="float32 ? 4", image_shape="float32 4")}
KEYPOINTS = {**four(), **tensors(detection_keypoints="float32 1 100 17 2", detection_boxes_strided="float32 1 100 4")}
VISION = {**four("?", "int32", "int32"), **tensors(image_info="float32 ? 4 2")}
AUTOML = tensors(output_0="float32 ? 100 4", output_1="float32 ? 100", output_2="float32 ? 100", output_3="int32 ?")
D_FINE = tensors(logits="float32 ? 300 80", pred_boxes="float32 ? 300 4", intermediate_logits="float32 ? 6 300 80")
DECODED = tensors(boxes="float32 1 100 4", confidence="float32 1 100", labels="int32 1 100", num_detections="int32 1")
RAW_VISION = tensors(decoded_boxes="float32 ? 9 1 4", decoded_box_scores="float32 ? 9 90", image_info="float32 ? 4 2")
OPEN_IMAGES = tensors(
    detection_boxes="float32 ? 4",
    detection_scores="float32 ? 1",
    detection_class_labels="int64 ? 1",
    detection_class_names="string ? 1",
    detection_class_entities="string ? 1",
)
METADATA = {"task": "detect", "names": {0: "person", 1: "bicycle"}, "imgsz": [640, 640]}
V8_FED = {"input": "images", "input_dtype": "float32", "batch": "one", "size_px": (640, 640)}
V8 = {**V8_FED, **TO_ONE, "fit": "letterbox_centred", "pad": 114}
TF1_IMAGE = {"inputs": TensorFacts("uint8", (N, N, N, 3), "image_tensor:0")}
KERAS_FED = {"input": "images", "input_dtype": "float32", "fit": "letterbox"}

#: Facts, form, first class, signature, outputs.
TABLE = {
    "OD API image_tensor": (
        facts(tensors(input_tensor="uint8 1 ? ? 3"), OD, side=SideFiles(resizes_to_px=320)),
        ("od-api", 1, {"batch": "one", "resizes_to_px": 320}, BoxesOutputs()),
    ),
    "OD API image_tensor, community edit": (
        facts(tensors(input_tensor="uint8 ? ? ? 3"), OD),
        ("od-api", 1, {}, BoxesOutputs()),
    ),
    "OD API float_image_tensor, 2020": (
        facts(tensors(input_tensor="float32 1 ? ? 3"), OD),
        ("od-api", 1, {"input_dtype": "float32", "batch": "one"}, BoxesOutputs()),
    ),
    "OD API float_image_tensor, 2021": (
        facts(tensors(input_tensor="float32 ? ? ? 3"), OD),
        ("od-api", 1, {"input_dtype": "float32"}, BoxesOutputs()),
    ),
    "OD API encoded_image_string_tensor, 2020": (
        facts(tensors(input_tensor="string 1"), OD, ops=["DecodeJpeg"]),
        ("od-api", 1, {"input_dtype": "encoded", "batch": "one"}, BoxesOutputs()),
    ),
    "OD API encoded_image_string_tensor, 2021": (
        facts(tensors(input_tensor="string ?"), OD),
        ("od-api", 1, {"input_dtype": "encoded"}, BoxesOutputs()),
    ),
    "OD API Mask R-CNN": (
        facts(tensors(input_tensor="uint8 1 ? ? 3"), MASKS),
        ("od-api", 1, {"batch": "one"}, BoxesOutputs()),
    ),
    "OD API CenterNet with keypoints": (
        facts(tensors(input_tensor="uint8 1 ? ? 3"), KEYPOINTS),
        ("od-api", 1, {"batch": "one"}, BoxesOutputs()),
    ),
    "OD API TF1": (facts(TF1_IMAGE, four("?")), ("od-api-tf1", 1, {"input": "inputs"}, BoxesOutputs())),
    "OD API TF1, fixed shape": (
        facts(tensors(inputs="uint8 1 300 300 3"), four()),
        ("od-api-tf1", 1, {"input": "inputs", "batch": "one", "size_px": (300, 300)}, BoxesOutputs()),
    ),
    "OD API TF1, encoded": (
        facts({"inputs": TensorFacts("string", (N,), "encoded_image_string_tensor:0")}, four("?")),
        ("od-api-tf1", 1, {"input": "inputs", "input_dtype": "encoded"}, BoxesOutputs()),
    ),
    "official vision, pixels or fractions": (
        facts(tensors(inputs="uint8 ? ? ? 3"), VISION, side=SideFiles(resizes_to_px=640)),
        (
            "official-vision",
            1,
            {"input": "inputs", "resizes_to_px": 640},
            BoxesOutputs(units="pixel", image_info="image_info"),
            BoxesOutputs(),
        ),
    ),
    "official vision, image_bytes, another input name": (
        facts(tensors(image="string 1"), VISION),
        (
            "official-vision",
            1,
            {"input": "image", "input_dtype": "encoded", "batch": "one"},
            BoxesOutputs(units="pixel", image_info="image_info"),
            BoxesOutputs(),
        ),
    ),
    "official vision, cast to floats": (
        facts(tensors(inputs="uint8 8 ? ? 3"), {**four("8"), **tensors(image_info="float32 8 4 2")}),
        (
            "official-vision",
            1,
            {"input": "inputs", "batch": 8},
            BoxesOutputs(units="pixel", image_info="image_info"),
            BoxesOutputs(),
        ),
    ),
    "official vision, tflite": (
        facts(tensors(inputs="float32 1 320 320 3"), four("1", "int32", "int32")),
        (
            "official-vision",
            1,
            {
                "input": "inputs",
                "input_dtype": "float32",
                "batch": "one",
                "size_px": (320, 320),
                "fit": "letterbox",
                "pad": 114,
                **IMAGENET,
            },
            BoxesOutputs(units="pixel"),
            BoxesOutputs(),
        ),
    ),
    "official vision, apply_nms=false": (
        facts(tensors(inputs="uint8 ? ? ? 3"), RAW_VISION),
        (
            "official-vision-raw",
            1,
            {"input": "inputs"},
            CandidatesOutputs(
                boxes="decoded_boxes",
                scores="decoded_box_scores",
                first_class=1,
                units="pixel",
                image_info="image_info",
            ),
            CandidatesOutputs(boxes="decoded_boxes", scores="decoded_box_scores", first_class=1),
        ),
    ),
    "official yolo": (
        facts(tensors(inputs="uint8 4 ? ? 3"), four("4", "float32", "int32")),
        ("official-yolo", 0, {"input": "inputs", "batch": 4}, BoxesOutputs(), BoxesOutputs(units="pixel")),
    ),
    "google/automl TF2, one of three signatures": (
        facts(tensors(images="uint8 ? ? ? 3"), AUTOML, others=["predict", "tflite"]),
        (
            "automl-efficientdet",
            1,
            {"input": "images"},
            BoxesOutputs(boxes="output_0", scores="output_1", classes="output_2", count="output_3", units="pixel"),
            BoxesOutputs(boxes="output_0", scores="output_1", classes="output_2", count="output_3"),
        ),
    ),
    "google/automl TF1": (
        facts(
            {"image_arrays:0": TensorFacts("uint8", (8, N, N, 3))},
            {"detections:0": TensorFacts("float32", (8, 100, 7))},
        ),
        (
            "automl-efficientdet-tf1",
            1,
            {"input": "image_arrays:0", "batch": 8},
            RowsOutputs(tensor="detections:0", columns=("image_id", *ROW), units="pixel"),
        ),
    ),
    "TF Hub openimages_v4": (
        facts(tensors(images="float32 1 ? ? 3"), OPEN_IMAGES, key="default"),
        (
            "hub-openimages",
            1,
            {"key": "default", "input": "images", "input_dtype": "float32", "batch": "one", **TO_ONE},
            BoxesOutputs(classes="detection_class_labels", count="", batched=False),
        ),
    ),
    "TF Hub yolo-cppe5": (
        facts(tensors(input="float32 1 3 800 1216"), tensors(dets="float32 ? 100 5", labels="int64 ? 100")),
        (
            "dets-labels",
            0,
            {
                "input": "input",
                "input_dtype": "float32",
                "layout": "nchw",
                "batch": "one",
                "size_px": (800, 1216),
                **TO_ONE,
            },
            RowsOutputs(tensor="dets", columns=ROW[:5], classes="labels", order="xyxy"),
            RowsOutputs(tensor="dets", columns=ROW[:5], classes="labels", order="xyxy", units="pixel"),
        ),
    ),
    "KerasHub RetinaNet, any size": (
        facts(
            tensors(images="float32 ? ? ? 3"),
            tensors(bbox_regression="float32 ? ? 4", cls_logits="float32 ? ? 80"),
            others=["serve"],
        ),
        (
            "keras-hub-retinanet",
            0,
            {**KERAS_FED, "size_px": (800, 800), **IMAGENET},
            AnchorsOutputs(regression="bbox_regression", logits="cls_logits"),
        ),
    ),
    "KerasHub RetinaNet, decoded": (
        facts(tensors(images="float32 1 640 640 3"), DECODED),
        (
            "keras-hub-decoded",
            0,
            {**KERAS_FED, "size_px": (640, 640), "batch": "one", **IMAGENET},
            BoxesOutputs(boxes="boxes", scores="confidence", classes="labels", units="pixel"),
            BoxesOutputs(boxes="boxes", scores="confidence", classes="labels"),
            BoxesOutputs(boxes="boxes", scores="confidence", classes="labels", units="pixel", order="xywh"),
            BoxesOutputs(boxes="boxes", scores="confidence", classes="labels", units="pixel", order="cxcywh"),
        ),
    ),
    "KerasHub D-FINE": (
        facts(tensors(images="float32 ? 640 640 3"), D_FINE),
        (
            "keras-hub-d-fine",
            0,
            {"input": "images", "input_dtype": "float32", "size_px": (640, 640), **TO_ONE},
            QueriesOutputs(boxes="pred_boxes", logits="logits"),
        ),
    ),
    "another descendant of DETR": (
        facts(tensors(images="float32 ? 640 640 3"), tensors(logits="float32 ? 9 8", pred_boxes="float32 ? 9 4")),
        (
            "detr",
            0,
            {"input": "images", "input_dtype": "float32", "size_px": (640, 640), **TO_ONE},
            QueriesOutputs(boxes="pred_boxes", logits="logits"),
        ),
    ),
    "Ultralytics": (
        facts(tensors(images="float32 1 640 640 3"), tensors(output_0="float32 1 84 8400")),
        ("ultralytics", 0, V8, GridOutputs(tensor="output_0"), GridOutputs(tensor="output_0", units="pixel")),
    ),
    "Ultralytics, nms=True": (
        facts(tensors(images="float32 1 640 640 3"), tensors(output_0="float32 1 300 6")),
        (
            "ultralytics",
            0,
            V8,
            RowsOutputs(tensor="output_0", columns=ROW, order="xyxy"),
            RowsOutputs(tensor="output_0", columns=ROW, order="xyxy", units="pixel"),
        ),
    ),
    "YOLOv5": (
        facts(tensors(images="float32 1 640 640 3"), tensors(output_0="float32 1 25200 85")),
        (
            "yolov5",
            0,
            V8,
            GridOutputs(tensor="output_0", layout="channels_last", objectness=True),
            GridOutputs(tensor="output_0", layout="channels_last", objectness=True, units="pixel"),
        ),
    ),
    "YOLOv5 of one class": (
        facts(tensors(images="float32 1 640 640 3"), tensors(output_0="float32 1 25200 6")),
        (
            "yolov5",
            0,
            V8,
            GridOutputs(tensor="output_0", layout="channels_last", objectness=True),
            GridOutputs(tensor="output_0", layout="channels_last", objectness=True, units="pixel"),
        ),
    ),
    "the four outputs by somebody's own code": (
        facts(tensors(image="uint8 ? ? ? 3"), four("?")),
        ("four-outputs", 1, {"input": "image"}, BoxesOutputs(), BoxesOutputs(units="pixel")),
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_signature_tells_its_exporter(case):
    given, (form, first_class, signature, outputs, *alternatives) = TABLE[case]

    found = recognise(given)

    assert isinstance(found, Recognised), found
    assert (found.form, found.first_class) == (form, first_class)
    expected = Signature(**{"key": next(iter(given.signatures)), "input": "input_tensor", **signature})
    assert found.signature == expected
    assert found.outputs == outputs
    assert list(found.alternatives) == alternatives


@pytest.mark.parametrize(
    ("given", "form", "says"),
    [
        (facts(tensors(input_tensor="string ?"), OD, ops=["ParseExampleV2"]), "od-api", "tf_example"),
        (facts({"inputs": TensorFacts("string", (N,), "tf_example:0")}, four("?")), "od-api-tf1", "tf_example"),
        (facts(tensors(inputs="string ?"), VISION, ops=["ParseSingleExample"]), "official-vision", "tf_example"),
        (
            facts(tensors(input_tensor="uint8 1 ? ? 3", context_features="float32 1 ? 2057"), OD),
            "od-api",
            "context_features",
        ),
        (
            facts(tensors(inputs="uint8 1 ? ? 3"), tensors(raw_boxes="float32 1 9 4", raw_scores="float32 1 9 91")),
            "official-vision-raw",
            "decode_boxes=false",
        ),
        (
            facts(
                tensors(images="float32 1 640 640 3"),
                tensors(output_0="float32 1 116 8400", output_1="float32 1 160 160 32"),
                side=SideFiles(ultralytics={"task": "segment"}),
            ),
            "ultralytics",
            "segment",
        ),
    ],
)
def test_what_is_known_and_not_served_is_refused_with_the_reason(given, form, says):
    answer = recognise(given)

    assert isinstance(answer, Refused), answer
    assert answer.form == form
    assert says in answer.reason


@pytest.mark.parametrize(
    "given",
    [
        facts(tensors(x="float32 ? 224 224 3"), tensors(logits="float32 ? 1000")),  # a classifier
        facts(tensors(x="float32 1 ? ? 3", y="float32 1"), tensors(boxes="float32 1 9 4")),  # two inputs
        facts(tensors(x="int32 ? 128"), four("?")),  # no images
        facts(tensors(x="float32 ? ? ? 1"), four("?")),  # grey
        facts(tensors(images="float32 1 640 640 3"), tensors(output_0="float32 1 ? ?")),
        facts(tensors(images="uint8 1 ? ? 3"), tensors(output_0="float32 1 9 4", output_1="float32 1 9")),
        ModelFacts({}),
    ],
)
def test_what_nobody_knows_is_nobodys(given):
    assert recognise(given) is None


def test_the_usual_signature_goes_first_and_the_choice_is_told():
    given, _ = TABLE["google/automl TF2, one of three signatures"]

    found = recognise(given)

    assert found.signature.key == "serving_default"
    assert found.notes == ("signature serving_default is used; there are also predict, tflite",)


def test_a_signature_that_is_known_goes_before_a_usual_one_that_is_not():
    known = SignatureFacts("detect", tensors(input_tensor="uint8 1 ? ? 3"), OD)
    usual = SignatureFacts("serving_default", tensors(x="float32 1"), tensors(y="float32 1"))

    assert recognise(ModelFacts({"serving_default": usual, "detect": known})).signature.key == "detect"


def test_labels_of_metadata():
    given = facts(
        tensors(images="float32 1 640 640 3"),
        tensors(output_0="float32 1 6 8400"),
        side=SideFiles(ultralytics=METADATA),
    )

    assert recognise(given).labels == {"0": "person", "1": "bicycle"}


def test_points_without_objectness_are_told_by_the_number_of_names():
    given = facts(
        tensors(images="float32 1 640 640 3"),
        tensors(output_0="float32 1 8400 6"),
        side=SideFiles(ultralytics=METADATA),
    )

    assert recognise(given).outputs == GridOutputs(tensor="output_0", layout="channels_last", objectness=False)


def test_forms_have_names_of_their_own():
    assert len({form.name for form in FORMS}) == len(FORMS)


def test_forms_need_no_tensorflow():
    program = "import sys, workers.engine.forms; print(*{'tensorflow', 'numpy', 'cv2'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == ""
