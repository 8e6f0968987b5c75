"""What a form is, and what forms share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from contract.model_io import Outputs, Signature
from workers.engine.facts import ModelFacts, SignatureFacts, TensorFacts


@dataclass(frozen=True)
class Recognised:
    #: Name of the form, for people and for `form` in `model.toml`.
    form: str
    signature: Signature
    outputs: Outputs
    #: Number that the model gives its first class: where a list of labels without numbers starts.
    first_class: int
    #: What the outputs may mean as well, by this signature; a trial run tells which (`workers.engine.trial`).
    alternatives: tuple[Outputs, ...] = ()
    #: Class id (as text) to label, where a side file tells.
    labels: Mapping[str, str] | None = None
    #: What people should know.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A form that is known, and known not to be served."""

    form: str
    reason: str


class Form(Protocol):
    name: ClassVar[str]

    def recognise(self, signature: SignatureFacts, facts: ModelFacts) -> Recognised | Refused | None:
        """None when it is another form's."""


@dataclass(frozen=True)
class ImageInput:
    """The one input of a signature, understood as images."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)

    def signature(self, key: str, **more: Any) -> Signature:
        return Signature(key=key, input=self.name, **{**self.fields, **more})


def image_input(signature: SignatureFacts) -> ImageInput | None:
    """How the only input takes images, by its type and shape; None when there are more, or it can't be images."""
    if len(signature.inputs) != 1:
        return None
    [(name, tensor)] = signature.inputs.items()
    if tensor.dtype == "string" and tensor.rank in (1, None):
        return ImageInput(name, {"input_dtype": "encoded", "batch": _batch(tensor)})
    if tensor.dtype not in ("uint8", "float32"):
        return None
    if tensor.shape is None:
        return ImageInput(name, {"input_dtype": tensor.dtype})
    if tensor.rank != 4:
        return None
    fields: dict[str, Any] = {"input_dtype": tensor.dtype, "batch": _batch(tensor)}
    if tensor.shape[3] in (3, None):
        height, width = tensor.shape[1:3]
    elif tensor.shape[1] == 3:
        height, width = tensor.shape[2:4]
        fields["layout"] = "nchw"
    else:
        return None
    if height and width:
        fields["size_px"] = (height, width)
    return ImageInput(name, fields)


def _batch(tensor: TensorFacts) -> Any:
    first = tensor.shape[0] if tensor.shape else None
    return {None: "dynamic", 1: "one"}.get(first, first)


def has(signature: SignatureFacts, *outputs: str) -> bool:
    return all(name in signature.outputs for name in outputs)


def also(signature: SignatureFacts, facts: ModelFacts) -> tuple[str, ...]:
    """A note when there were signatures to choose from."""
    others = sorted(set(facts.signatures) - {signature.key})
    return (f"signature {signature.key} is used; there are also {', '.join(others)}",) if others else ()
