"""What is constant in a GraphDef: nodes without variables, and arithmetic on those. NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Values = npt.NDArray[np.float64]

#: [image, row, column, channel]: a constant of more would add a dimension.
_RANK: Final = 4
#: What constants are made with. Everything else is left to TensorFlow.
_ARITHMETIC: Final[Mapping[str, Callable[..., Any]]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Identity": lambda value: value,
    "Mul": np.multiply,
    "Neg": np.negative,
    "RealDiv": np.divide,
    "Rsqrt": lambda value: 1 / np.sqrt(value),
    "Sqrt": np.sqrt,
    "Squeeze": np.squeeze,
    "Sub": np.subtract,
}


class Constants:
    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._values: dict[str, Values | None] = {}

    def value(self, source: str) -> Values | None:
        """What a node reads there; None when it depends on more than float32 constants."""
        name = source.removesuffix(":0")
        if name not in self._values:
            self._values[name] = self._found(self._nodes.get(name))
        return self._values[name]

    def per_channel(self, source: str, channels: int) -> Values | None:
        """[C] or a number of what is one for all rows, columns and images; None for anything else."""
        value = self.value(source)
        if value is None or value.ndim > _RANK or value.size not in (1, channels):
            return None
        return value.reshape(-1) if value.size == 1 or value.shape[-1] == channels else None

    def weights(self, convolution: Any) -> Any:
        """As a TensorProto, which is not copied, [height, width, in, out]; None when they are no constant."""
        node = self._nodes.get(node_of(convolution.input[1]))
        while node is not None and node.op == "Identity":
            node = self._nodes.get(node_of(node.input[0]))
        return node.attr["value"].tensor if node is not None and node.op == "Const" else None

    def _found(self, node: Any) -> Values | None:
        if node is None:
            return None
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            return value.astype(np.float64) if value.dtype == np.float32 else None
        values = [self.value(source) for source in node.input] if node.op in _ARITHMETIC else [None]
        return None if any(value is None for value in values) else np.asarray(_ARITHMETIC[node.op](*values))


def node_of(source: str) -> str:
    """`^control` and `split:1` are what nodes read."""
    return source.removeprefix("^").split(":")[0]
