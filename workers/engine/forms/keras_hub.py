"""KerasHub: RetinaNet as it is, RetinaNet wrapped with its `decode_predictions`, D-FINE.

Source: keras_hub/src/models/retinanet, keras_hub/src/models/d_fine, keras_hub/src/layers/modeling. The layer that
prepares images (`preprocessor`) is in no export; its numbers are given here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from contract.model_io import AnchorsOutputs, BoxesOutputs, QueriesOutputs
from workers.engine.facts import ModelFacts, SignatureFacts
from workers.engine.forms.base import ImageInput, Recognised, also, has, image_input

#: ImageNet's, in pixels, with which the presets were trained.
_MEAN: Final = (123.675, 116.28, 103.53)
_STD: Final = (58.395, 57.12, 57.375)
#: Of the presets `retinanet_resnet50_fpn_coco` and its like, for exports that leave the size open.
_PRESET_PX: Final = (800, 800)


class RetinaNet:
    """Undecoded: regressions in centre x, y, width, height against the default anchors."""

    name: ClassVar[str] = "keras-hub-retinanet"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        image = image_input(signature)
        if image is None or not has(signature, "bbox_regression", "cls_logits"):
            return None
        return Recognised(
            self.name,
            image.signature(signature.key, **_prepared(image)),
            AnchorsOutputs(regression="bbox_regression", logits="cls_logits"),
            first_class=0,
            notes=(
                *also(signature, facts),
                "the anchors are KerasHub's defaults, mean and std ImageNet's: the export tells neither",
                *_size_note(image),
            ),
        )


class RetinaNetDecoded:
    """Decoded: boxes in pixels of the input, rows of no detection with label -1."""

    name: ClassVar[str] = "keras-hub-decoded"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        image = image_input(signature)
        if image is None or not has(signature, "boxes", "confidence", "labels"):
            return None

        def meaning(**more: Any) -> BoxesOutputs:
            count = "num_detections" if has(signature, "num_detections") else ""
            return BoxesOutputs(boxes="boxes", scores="confidence", classes="labels", count=count, **more)

        return Recognised(
            self.name,
            image.signature(signature.key, **_prepared(image)),
            meaning(units="pixel"),
            first_class=0,
            alternatives=(meaning(), meaning(units="pixel", order="xywh"), meaning(units="pixel", order="cxcywh")),
            notes=(
                *also(signature, facts),
                'boxes are taken as yxyx; with bounding_box_format="xyxy" write order = "xyxy"',
                "mean and std are ImageNet's: the export does not tell them",
                *_size_note(image),
            ),
        )


class DFine:
    """A detection per query, as every descendant of DETR: `logits` and `pred_boxes`."""

    name: ClassVar[str] = "keras-hub-d-fine"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        image = image_input(signature)
        if image is None or not has(signature, "logits", "pred_boxes"):
            return None
        d_fine = any(name.startswith(("intermediate_", "enc_topk")) for name in signature.outputs)
        scaled = {"std": (255.0, 255.0, 255.0)} if image.fields["input_dtype"] == "float32" else {}
        doubt = 'scores are taken as sigmoid; DETR itself needs activation = "softmax" and no_object = true'
        return Recognised(
            self.name if d_fine else "detr",
            image.signature(signature.key, **scaled),
            QueriesOutputs(boxes="pred_boxes", logits="logits"),
            first_class=0,
            notes=(*also(signature, facts), *(() if d_fine else (doubt,))),
        )


def _prepared(image: ImageInput) -> dict[str, Any]:
    fields: dict[str, Any] = {"fit": "letterbox", "size_px": image.fields.get("size_px", _PRESET_PX)}
    if image.fields["input_dtype"] == "float32":
        fields |= {"mean": _MEAN, "std": _STD}
    return fields


def _size_note(image: ImageInput) -> tuple[str, ...]:
    if "size_px" in image.fields:
        return ()
    return (f"the export leaves the size open; {_PRESET_PX[0]} px are the presets' own: set size_px if yours differs",)
