"""tensorflow/models `official`: vision (RetinaNet, Faster and Mask R-CNN) and projects/yolo.

Source: official/vision/serving/detection.py, official/vision/modeling/layers/detection_generator.py.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from contract.model_io import BoxesOutputs, CandidatesOutputs, Outputs
from workers.engine.facts import ModelFacts, SignatureFacts
from workers.engine.forms.base import ImageInput, Recognised, Refused, also, has, image_input
from workers.engine.forms.od_api import EXAMPLES, takes_examples

_FOUR: Final = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
#: official/vision/ops/preprocess_ops.py, MEAN_RGB and STDDEV_RGB.
_MEAN: Final = (123.675, 116.28, 103.53)
_STD: Final = (58.395, 57.12, 57.375)


class OfficialVision:
    """Finished detections. Boxes are pixels of the resized input, or fractions by an option that leaves no trace."""

    name: ClassVar[str] = "official-vision"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        if not has(signature, *_FOUR):
            return None
        has_info = has(signature, "image_info")
        if not has_info and not signature.outputs["detection_classes"].is_integer:
            return None
        image = image_input(signature)
        if image is None:
            return None
        if image.fields["input_dtype"] == "encoded" and takes_examples(signature, facts):
            return Refused(self.name, EXAMPLES)
        return Recognised(
            self.name,
            image.signature(signature.key, **_fed(image, facts)),
            BoxesOutputs(units="pixel", image_info="image_info" if has_info else ""),
            first_class=1,
            alternatives=(BoxesOutputs(),),
            notes=(*also(signature, facts), *_masks(signature)),
        )


class OfficialVisionRaw:
    """`apply_nms=false`: decoded boxes with an axis for classes, scores without the background's column."""

    name: ClassVar[str] = "official-vision-raw"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        if has(signature, "raw_boxes", "raw_scores"):
            reason = "it gives regressions without the anchors they are for (decode_boxes=false). Export it decoded"
            return Refused(self.name, reason)
        image = image_input(signature)
        if image is None or not has(signature, "decoded_boxes", "decoded_box_scores"):
            return None
        info = "image_info" if has(signature, "image_info") else ""

        def meaning(**more: Any) -> Outputs:
            return CandidatesOutputs(boxes="decoded_boxes", scores="decoded_box_scores", first_class=1, **more)

        return Recognised(
            self.name,
            image.signature(signature.key, **_fed(image, facts)),
            meaning(units="pixel", image_info=info),
            first_class=1,
            alternatives=(meaning(),),
            notes=also(signature, facts),
        )


class OfficialYolo:
    """official/projects/yolo: fractions of the image as it was, classes from 0 as floats, the count as int32."""

    name: ClassVar[str] = "official-yolo"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        image = image_input(signature)
        if image is None or not has(signature, *_FOUR) or "input_tensor" in signature.inputs:
            return None
        outputs = signature.outputs
        if not outputs["detection_classes"].is_float or not outputs["num_detections"].is_integer:
            return None
        return Recognised(
            self.name,
            image.signature(signature.key, resizes_to_px=facts.side.resizes_to_px),
            BoxesOutputs(),
            first_class=0,
            alternatives=(BoxesOutputs(units="pixel"),),
            notes=also(signature, facts),
        )


def _fed(image: ImageInput, facts: ModelFacts) -> dict[str, Any]:
    """--input_type tflite takes what the others make of an image: normalised, letterboxed."""
    if image.fields["input_dtype"] != "float32":
        return {"resizes_to_px": facts.side.resizes_to_px}
    return {"mean": _MEAN, "std": _STD, "fit": "letterbox", "pad": 114}


def _masks(signature: SignatureFacts) -> tuple[str, ...]:
    return ("masks are not read, only boxes",) if has(signature, "detection_masks") else ()
