"""Detectors of TensorFlow Hub that no exporter above wrote."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from contract.model_io import BoxesOutputs, BoxUnits, RowsOutputs
from workers.engine.facts import ModelFacts, SignatureFacts
from workers.engine.forms.base import Recognised, also, has, image_input

_UP_TO_ONE: Final = {"std": (255.0, 255.0, 255.0)}


class HubOpenImages:
    """google/openimages_v4: floats from 0 to 1; outputs without a batch axis; class names as strings beside numbers."""

    name: ClassVar[str] = "hub-openimages"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        image = image_input(signature)
        if image is None or not has(signature, "detection_boxes", "detection_scores", "detection_class_labels"):
            return None
        return Recognised(
            self.name,
            image.signature(signature.key, batch="one", **_UP_TO_ONE),
            BoxesOutputs(
                classes="detection_class_labels", count="", batched=signature.outputs["detection_boxes"].rank == 3
            ),
            first_class=1,
            notes=(
                *also(signature, facts),
                "class names that the model gives as strings are not read: give its labels",
            ),
        )


class DetsLabels:
    """`dets` [B, N, 5] and `labels` [B, N]: MMDetection's deployment, as TF Hub's rishit-dagli/yolo-cppe5 has it."""

    name: ClassVar[str] = "dets-labels"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        image = image_input(signature)
        if image is None or not has(signature, "dets", "labels"):
            return None
        dets = signature.outputs["dets"]
        if dets.shape is None or dets.rank != 3 or dets.shape[-1] != 5:
            return None

        def meaning(units: BoxUnits) -> RowsOutputs:
            columns: Any = ("box0", "box1", "box2", "box3", "score")
            return RowsOutputs(tensor="dets", columns=columns, classes="labels", order="xyxy", units=units)

        scaled = _UP_TO_ONE if image.fields["input_dtype"] == "float32" else {}
        return Recognised(
            self.name,
            image.signature(signature.key, **scaled),
            meaning("fraction"),
            first_class=0,
            alternatives=(meaning("pixel"),),
            notes=also(signature, facts),
        )
