"""How exporters write detectors: one small class for each form, tried in order. Pure, without TensorFlow.

A new form is a class with `name` and `recognise`, and a place in `FORMS`: before the forms that would take its models
for theirs. docs/models.md lists them.
"""

from __future__ import annotations

from typing import Final

from workers.engine.facts import ModelFacts
from workers.engine.forms.automl import AutomlTf1, AutomlTf2
from workers.engine.forms.base import Form, Recognised, Refused
from workers.engine.forms.hub import DetsLabels, HubOpenImages
from workers.engine.forms.keras_hub import DFine, RetinaNet, RetinaNetDecoded
from workers.engine.forms.od_api import FourOutputs, ObjectDetectionApi, ObjectDetectionApiTf1
from workers.engine.forms.official import OfficialVision, OfficialVisionRaw, OfficialYolo
from workers.engine.forms.ultralytics import Ultralytics

__all__ = ["FORMS", "Form", "Recognised", "Refused", "recognise"]

FORMS: Final[tuple[Form, ...]] = (
    ObjectDetectionApi(),
    ObjectDetectionApiTf1(),
    OfficialVision(),
    OfficialVisionRaw(),
    OfficialYolo(),
    AutomlTf2(),
    AutomlTf1(),
    HubOpenImages(),
    DetsLabels(),
    RetinaNet(),
    RetinaNetDecoded(),
    DFine(),
    Ultralytics(),
    FourOutputs(),
)


def recognise(facts: ModelFacts) -> Recognised | Refused | None:
    """The first form that knows one of the signatures, the usual ones first; a refusal only where no form knows any."""
    refusal: Refused | None = None
    for signature in facts.in_order:
        for form in FORMS:
            answer = form.recognise(signature, facts)
            if isinstance(answer, Recognised):
                return answer
            refusal = refusal or answer
    return refusal
