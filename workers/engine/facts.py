"""What a SavedModel says of itself without being run. Values only; `workers.engine.inspect` reads them from disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Signatures that people and servers mean when they name none, first first.
_USUAL_KEYS: Final = ("serving_default", "default")


@dataclass(frozen=True)
class TensorFacts:
    #: As NumPy spells it, `string` for bytes.
    dtype: str
    #: None for a size that is free; None altogether when even the rank is.
    shape: tuple[int | None, ...] | None
    #: Of the tensor in the graph, such as `image_tensor:0`.
    graph_name: str = ""

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype in ("float16", "bfloat16", "float32", "float64")

    @property
    def is_integer(self) -> bool:
        return self.dtype in ("uint8", "int8", "int16", "int32", "int64")

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return f"{self.dtype} [{', '.join('?' if side is None else str(side) for side in self.shape)}]"


@dataclass(frozen=True)
class SignatureFacts:
    key: str
    inputs: Mapping[str, TensorFacts]
    outputs: Mapping[str, TensorFacts]

    def __str__(self) -> str:
        """A table for people."""
        rows = [("input", name, str(tensor)) for name, tensor in sorted(self.inputs.items())]
        rows += [("output", name, str(tensor)) for name, tensor in sorted(self.outputs.items())]
        width = max((len(name) for _, name, _ in rows), default=0)
        lines = [f"    {kind:<6}  {name:<{width}}  {tensor}" for kind, name, tensor in rows]
        return "\n".join([f"  signature {self.key}", *lines])


@dataclass(frozen=True)
class SideFiles:
    """What exporters write beside the graph."""

    #: `metadata.yaml` of Ultralytics; empty when there is none.
    ultralytics: Mapping[str, Any] = field(default_factory=dict)
    #: Longer side of the resizer in `pipeline.config` (Object Detection API) or `params.yaml` (official); 0: unknown.
    resizes_to_px: int = 0


@dataclass(frozen=True)
class ModelFacts:
    signatures: Mapping[str, SignatureFacts]
    side: SideFiles = SideFiles()
    #: Names of the operations in its graphs.
    ops: frozenset[str] = frozenset()

    @property
    def in_order(self) -> list[SignatureFacts]:
        """The usual signatures first, the others by name."""
        usual = [key for key in _USUAL_KEYS if key in self.signatures]
        return [self.signatures[key] for key in [*usual, *sorted(set(self.signatures) - set(usual))]]
