"""TensorFlow Object Detection API: `exporter_main_v2` of TF2 and `export_inference_graph` of TF1.

Source: research/object_detection/exporter_lib_v2.py and exporter.py of tensorflow/models. Every output is float32,
counts and classes too; 1 is added to class ids. Whatever else a model gives (masks, keypoints, internals without a
batch axis) is passed by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from contract.model_io import BoxesOutputs
from workers.engine.facts import ModelFacts, SignatureFacts
from workers.engine.forms.base import Recognised, Refused, also, has, image_input

_FOUR: Final = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
_PARSERS: Final = {"ParseExample", "ParseExampleV2", "ParseSingleExample"}
_PASSED_BY: Final = {
    "detection_masks": "masks are not read, only boxes",
    "detection_keypoints": "keypoints are not read, only boxes",
}


class ObjectDetectionApi:
    name: ClassVar[str] = "od-api"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        if "input_tensor" not in signature.inputs or not has(signature, *_FOUR):
            return None
        if len(signature.inputs) > 1:
            extra = ", ".join(sorted(set(signature.inputs) - {"input_tensor"}))
            reason = f"it needs more than the image: {extra} (--use_side_inputs, Context R-CNN). Export it without"
            return Refused(self.name, reason)
        return _read(self.name, signature, facts)


class ObjectDetectionApiTf1:
    """The frozen zoo of 2017 to 2019: the key is `inputs`, the tensor in the graph tells the input type."""

    name: ClassVar[str] = "od-api-tf1"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        if list(signature.inputs) != ["inputs"] or not has(signature, *_FOUR) or has(signature, "image_info"):
            return None
        floats = all(signature.outputs[name].is_float for name in ("detection_classes", "num_detections"))
        if not floats:
            return None
        return _read(self.name, signature, facts)


class FourOutputs:
    """The same four outputs under another input's name: an exporter's code that somebody changed."""

    name: ClassVar[str] = "four-outputs"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        image = image_input(signature)
        if image is None or not has(signature, *_FOUR):
            return None
        read = _read(self.name, signature, facts)
        if not isinstance(read, Recognised):
            return read
        note = "classes are taken as numbered from 1, float inputs as pixels from 0 to 255: the export tells neither"
        return replace(read, alternatives=(BoxesOutputs(units="pixel"),), notes=(*read.notes, note))


def _read(form: str, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
    image = image_input(signature)
    if image is None:
        return None
    if image.fields["input_dtype"] == "encoded" and takes_examples(signature, facts):
        return Refused(form, EXAMPLES)
    return Recognised(
        form,
        image.signature(signature.key, resizes_to_px=facts.side.resizes_to_px),
        BoxesOutputs(),
        first_class=1,
        notes=(*also(signature, facts), *(note for name, note in _PASSED_BY.items() if name in signature.outputs)),
    )


EXAMPLES: Final = (
    "it takes serialised tf.Example records (--input_type tf_example), not images. "
    "Export it with --input_type image_tensor"
)


def takes_examples(signature: SignatureFacts, facts: ModelFacts) -> bool:
    """Whether its strings are records rather than image files, which the signature itself does not tell."""
    [tensor] = signature.inputs.values()
    return tensor.graph_name.startswith("tf_example") or bool(facts.ops & _PARSERS)
