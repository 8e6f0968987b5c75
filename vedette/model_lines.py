"""A model's signature and labels in a line each, for people. Pure."""

from collections.abc import Mapping
from typing import Final

from contract.model_io import Signature

_NAMED: Final = 6


def described_io(signature: Signature) -> str:
    """`uint8, images of any size, any number in a call`."""
    if signature.size_px is None:
        size = "images of any size"
        if signature.resizes_to_px:
            size += f" (resized to {signature.resizes_to_px} px inside)"
    else:
        size = f"images of {signature.size_px[1]} × {signature.size_px[0]} px ({signature.fit})"
    match signature.batch:
        case "dynamic":
            batch = "any number in a call"
        case "one":
            batch = "one in a call"
        case count:
            batch = f"{count} in a call"
    return f"{signature.input} ({signature.input_dtype}), {size}, {batch}"


def shown_labels(labels: Mapping[str, str]) -> str:
    """`90: person, bicycle, …`."""
    names = [*labels.values()]
    return f"{len(names)}: {', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''}"
