"""Batch normalisation and other arithmetic per channel, folded into the convolution before it. NumPy on a GraphDef.

A convolution times a constant per channel, plus a constant per channel, is a convolution with other weights and a bias:

    Conv2D(x, w) · s + b  =  BiasAdd(Conv2D(x, w · s), b)

TensorFlow makes one kernel of a convolution, its bias and the activation behind it, but folds less: what is behind a
depthwise convolution stays, and in bfloat16 a normalisation does, and with it the activation, which takes longer there
than the convolution.

Graphs without variables only. Results change by what float32 rounds off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Values = npt.NDArray[np.float64]

_CONVOLUTIONS: Final = ("Conv2D", "DepthwiseConv2dNative")
_NORMALISATIONS: Final = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
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


@dataclass(frozen=True)
class _Affine:
    """What is done to each channel: times `scale`, plus `offset`; [C], or one number for all."""

    scale: Values
    offset: Values

    def then(self, scale: Values | float = 1.0, offset: Values | float = 0.0) -> _Affine:
        return _Affine(np.asarray(self.scale * scale), np.asarray(self.offset * scale + offset))


_UNCHANGED: Final = _Affine(np.ones(()), np.zeros(()))


def folded(graph: Any, outputs: Collection[str]) -> Any:
    """A GraphDef that computes the same. `outputs`: names of nodes that are fetched; they stay.

    Only in float32 and with channels last, and only constants: what is not sure to be the same is left as it is.
    """
    nodes = {node.name: node for node in graph.node}
    readers = _readers(graph, outputs)
    constants = _Constants(nodes)
    replaced: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op not in _CONVOLUTIONS or not _channels_last_float(node):
            continue
        weights = constants.value(node.input[1])
        chain, affine = _behind(node, nodes, readers, constants)
        if weights is None or [each.op for each in chain if each.op != "Identity"] in ([], ["BiasAdd"]):
            continue
        replaced |= {each.name: [] for each in chain}
        replaced[node.name], replaced[chain[-1].name] = _convolution_with_bias(node, chain[-1].name, weights, affine)
    result = tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions)
    for node in graph.node:
        result.node.extend(replaced.get(node.name, [node]))
    return result


class _Constants:
    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._values: dict[str, Values | None] = {}

    def value(self, source: str) -> Values | None:
        """What a node reads there; None when it depends on more than float32 constants."""
        name = source.removesuffix(":0")
        if name not in self._values:
            self._values[name] = self._found(self._nodes.get(name))
        return self._values[name]

    def per_channel(self, source: str) -> Values | None:
        """[C] or a number of what is one for all rows, columns and images; None for anything else."""
        value = self.value(source)
        if value is None or value.size != np.prod(value.shape[-1:]):
            return None
        return value.reshape(value.shape[-1:])

    def _found(self, node: Any) -> Values | None:
        if node is None:
            return None
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            return value.astype(np.float64) if value.dtype == np.float32 else None
        values = [self.value(source) for source in node.input] if node.op in _ARITHMETIC else [None]
        return None if any(value is None for value in values) else np.asarray(_ARITHMETIC[node.op](*values))


def _readers(graph: Any, outputs: Collection[str]) -> dict[str, list[str]]:
    """Names of the nodes that read each node, once for each time; "" for who fetches it."""
    readers: dict[str, list[str]] = {name: [""] for name in outputs}
    for node in graph.node:
        for source in node.input:
            readers.setdefault(source.lstrip("^").split(":")[0], []).append(node.name)
    return readers


def _channels_last_float(node: Any) -> bool:
    return _attr(node, "data_format").s in (b"", b"NHWC") and _attr(node, "T").type == tf.float32.as_datatype_enum


def _attr(node: Any, name: str) -> Any:
    """Not `node.attr[name]`, which makes what is missing; optimizers refuse a node that has what its op has not."""
    return node.attr.get(name, tf.compat.v1.AttrValue())


def _behind(
    convolution: Any, nodes: Mapping[str, Any], readers: Mapping[str, Sequence[str]], constants: _Constants
) -> tuple[list[Any], _Affine]:
    """The nodes in order that each alone read the one before and scale or move its channels, and what they do to it."""
    chain: list[Any] = []
    last, affine = convolution, _UNCHANGED
    while len(reading := readers.get(last.name, ())) == 1 and reading[0] in nodes:
        node = nodes[reading[0]]
        after = _after(affine, node, last.name, constants)
        if after is None:
            break
        chain.append(node)
        last, affine = node, after
    return chain, affine


def _after(affine: _Affine, node: Any, last: str, constants: _Constants) -> _Affine | None:
    """`affine`, then `node`, which reads the node `last`; None when `node` does anything else."""
    first = node.input[0].removesuffix(":0") == last
    found = [constants.per_channel(source) for source in (node.input[1:] if first else node.input[:-1])]
    values = [value for value in found if value is not None]
    if len(values) != len(node.input) - 1 or not _channels_last_float(node):
        return None
    match node.op, values:
        case "Add" | "AddV2" | "BiasAdd", [value]:
            return affine.then(offset=value)
        case "Sub", [value] if first:
            return affine.then(offset=-value)
        case "Mul", [value]:
            return affine.then(scale=value)
        case "RealDiv", [value] if first:
            return affine.then(scale=1 / value)
        case "Identity", []:
            return affine
        case op, [gamma, beta, mean, variance] if op in _NORMALISATIONS and first and not _attr(node, "is_training").b:
            scale = gamma / np.sqrt(variance + _attr(node, "epsilon").f)
            return affine.then(scale, beta - mean * scale)
        case _:
            return None


def _convolution_with_bias(node: Any, name: str, weights: Values, affine: _Affine) -> tuple[list[Any], list[Any]]:
    """What stands in for the convolution, and for the last node behind it, `name`."""
    depthwise = node.op == "DepthwiseConv2dNative"
    channels = int(np.prod(weights.shape[2:])) if depthwise else weights.shape[3]
    scale, offset = (np.broadcast_to(value, channels) for value in (affine.scale, affine.offset))
    # Depthwise weights are [height, width, channels in, channels out of each].
    kernel = _constant(f"{name}/folded_weights", weights * (scale.reshape(weights.shape[2:]) if depthwise else scale))
    convolution = type(node)()
    convolution.CopyFrom(node)
    convolution.input[1] = kernel.name
    bias = _constant(f"{name}/folded_bias", offset)
    with_bias = type(node)(name=name, op="BiasAdd", input=[node.name, bias.name], device=node.device)
    with_bias.attr["T"].type = tf.float32.as_datatype_enum
    with_bias.attr["data_format"].s = b"NHWC"
    return [kernel, convolution], [bias, with_bias]


def _constant(name: str, values: Values) -> Any:
    node = tf.compat.v1.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values.astype(np.float32)))
    return node
