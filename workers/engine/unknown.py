"""What is said of a SavedModel that no form knows: its signature, and the lines that would describe it."""

from __future__ import annotations

from contract.errors import SignatureUnknown
from workers.engine.facts import ModelFacts, SignatureFacts, TensorFacts
from workers.engine.forms.base import image_input
from workers.engine.toml_text import table


def unknown(facts: ModelFacts, reason: str) -> SignatureUnknown:
    """The error, for people who know the model and can fill in what it does not tell."""
    if not facts.signatures:
        return SignatureUnknown(
            f"{reason}\nIt has no signature that takes and gives tensors. "
            "Export it with signatures={'serving_default': …}"
        )
    tables = "\n".join(str(signature) for signature in facts.in_order)
    lines = "\n".join(f"  {line}" for line in proposal(facts.in_order[0]).splitlines())
    return SignatureUnknown(
        f"{reason}\n{tables}\nDescribe it in model.toml; docs/models.md explains each field. To begin with:\n{lines}"
    )


def proposal(signature: SignatureFacts) -> str:
    """[signature] and [outputs] as far as shapes tell them; what they don't is left to be filled in."""
    image = image_input(signature)
    if image is not None:
        head = table("signature", image.signature(signature.key))
    else:
        head = f'[signature]\nkey = "{signature.key}"\ninput = "…"  # one of {", ".join(sorted(signature.inputs))}'
    likely = {"boxes": "…", "scores": "…", "classes": "…", "count": "…"}
    for name, tensor in sorted(signature.outputs.items(), reverse=True):
        role = _role(name, tensor)
        if role:
            likely[role] = name
    fields = [f'{role} = "{name}"' for role, name in likely.items()]
    return "\n".join(
        [
            head,
            "[outputs]",
            'kind = "boxes"  # or rows, candidates, grid, queries, anchors',
            *fields,
            'order = "yxyx"  # or xyxy, xywh, cxcywh',
            'units = "fraction"  # or pixel',
        ]
    )


def _role(name: str, tensor: TensorFacts) -> str | None:
    """What an output by its shape may be."""
    if tensor.rank == 3 and tensor.shape is not None and tensor.shape[-1] == 4:
        return "boxes"
    if tensor.rank == 2:
        return "classes" if tensor.is_integer or "class" in name or "label" in name else "scores"
    return "count" if tensor.rank == 1 else None
