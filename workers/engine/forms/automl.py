"""google/automl EfficientDet: boxes in pixels of the image as it was, classes from 1.

Source: efficientdet/tf2/infer_lib.py (outputs without names of their own), efficientdet/inference.py (TF1).
"""

from __future__ import annotations

from typing import ClassVar

from contract.model_io import BoxesOutputs, RowsOutputs
from workers.engine.facts import ModelFacts, SignatureFacts
from workers.engine.forms.base import Recognised, also, has, image_input


class AutomlTf2:
    """Four outputs in order. The signatures `predict` (raw levels) and `tflite` are passed by."""

    name: ClassVar[str] = "automl-efficientdet"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        names = [f"output_{i}" for i in range(4)]
        image = image_input(signature)
        if image is None or sorted(signature.outputs) != names or image.fields["input_dtype"] != "uint8":
            return None
        boxes, scores, classes, count = (signature.outputs[name] for name in names)
        if boxes.shape is None or boxes.shape[-1] != 4 or boxes.rank != 3:
            return None
        if scores.rank != 2 or classes.rank != 2 or not count.is_integer:
            return None
        return Recognised(
            self.name,
            image.signature(signature.key),
            BoxesOutputs(boxes="output_0", scores="output_1", classes="output_2", count="output_3", units="pixel"),
            first_class=1,
            alternatives=(BoxesOutputs(boxes="output_0", scores="output_1", classes="output_2", count="output_3"),),
            notes=also(signature, facts),
        )


class AutomlTf1:
    """One output with rows of image_id, y_min, x_min, y_max, x_max, score, class."""

    name: ClassVar[str] = "automl-efficientdet-tf1"

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | None:
        image = image_input(signature)
        if image is None or not has(signature, "detections:0"):
            return None
        rows = signature.outputs["detections:0"]
        if rows.shape is None or rows.rank != 3 or rows.shape[-1] != 7:
            return None
        return Recognised(
            self.name,
            image.signature(signature.key),
            RowsOutputs(
                tensor="detections:0",
                columns=("image_id", "box0", "box1", "box2", "box3", "score", "class"),
                units="pixel",
            ),
            first_class=1,
            notes=also(signature, facts),
        )
