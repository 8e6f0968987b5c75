"""Batch normalisation and other arithmetic per channel, folded into the convolution before it. NumPy on a GraphDef.

A convolution times a constant per channel, plus a constant per channel, is a convolution with other weights and a bias:

    Conv2D(x, w) · s + b  =  BiasAdd(Conv2D(x, w · s), b)

TensorFlow makes one kernel of a convolution, its bias and the activation behind it, but folds less: what is behind a
depthwise convolution stays, and in bfloat16 a normalisation does, and with it the activation, which takes longer there
than the convolution.

Graphs without variables only. Results change by what float32 rounds off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from workers.engine.constants import Constants, Values, node_of

_DEPTHWISE: Final = "DepthwiseConv2dNative"
_CONVOLUTIONS: Final = ("Conv2D", _DEPTHWISE)
_NORMALISATIONS: Final = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
#: What may be folded, if it is the same for all of a channel.
_FOLDED: Final = frozenset({"Add", "AddV2", "BiasAdd", "Identity", "Mul", "RealDiv", "Sub", *_NORMALISATIONS})


@dataclass(frozen=True)
class _Affine:
    """What is done to each channel: times `scale`, plus `offset`; [C], or one number for all."""

    scale: Values
    offset: Values

    def then(self, scale: Values | float = 1.0, offset: Values | float = 0.0) -> _Affine:
        return _Affine(np.asarray(self.scale * scale), np.asarray(self.offset * scale + offset))


_UNCHANGED: Final = _Affine(np.ones(()), np.zeros(()))


@dataclass(frozen=True)
class _Fold:
    convolution: Any
    #: That it gives.
    channels: int
    #: Name of the last node that goes into it, which becomes its bias.
    end: str
    affine: _Affine

    @property
    def kernel(self) -> str:
        return f"{self.end}/folded_weights"

    @property
    def bias(self) -> str:
        return f"{self.end}/folded_bias"


def folded(graph: Any, outputs: Collection[str]) -> Any:
    """A GraphDef that computes the same `outputs`, names of nodes, and has no more than that takes.

    Only in float32 and with channels last, and only constants: what is not sure to be the same is left as it is.
    """
    nodes = {node.name: node for node in graph.node}
    constants = Constants(nodes)
    folds = list(_folds(nodes, _readers(graph, outputs), constants))
    by_convolution = {fold.convolution.name: fold for fold in folds}
    by_end = {fold.end: fold for fold in folds}
    result = tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions)

    def sources(name: str) -> list[str]:
        if name in by_end:
            return [by_end[name].convolution.name]
        # What follows the image and the weights are control inputs.
        read = nodes[name].input
        return [read[0], *read[2:]] if name in by_convolution else list(read)

    needed = _reached(outputs, sources)
    for node in graph.node:
        if node.name not in needed:
            continue
        if node.name in by_end:
            _add_bias(result, by_end[node.name])
        elif node.name in by_convolution:
            _add_convolution(result, by_convolution[node.name], tf.make_ndarray(constants.weights(node)))
        else:
            result.node.append(node)
    return result


def _reached(outputs: Iterable[str], sources: Callable[[str], list[str]]) -> set[str]:
    found, open_ends = set[str](), list(outputs)
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += map(node_of, sources(name))
    return found


def _folds(nodes: Mapping[str, Any], readers: Mapping[str, Sequence[str]], constants: Constants) -> Iterator[_Fold]:
    for node in nodes.values():
        if node.op not in _CONVOLUTIONS or not _channels_last_float(node):
            continue
        weights = constants.weights(node)
        if weights is None:
            continue
        # [height, width, channels in, channels out], of each channel in where it is depthwise.
        sides = [each.size for each in weights.tensor_shape.dim]
        channels = int(np.prod(sides[2 if node.op == _DEPTHWISE else 3 :]))
        chain, affine = _behind(node, channels, nodes, readers, constants)
        if [each.op for each in chain if each.op != "Identity"] not in ([], ["BiasAdd"]):
            yield _Fold(node, channels, chain[-1].name, affine)


def _readers(graph: Any, outputs: Collection[str]) -> dict[str, list[str]]:
    """Names of the nodes that read each node, once for each time; "" for who fetches it."""
    readers: dict[str, list[str]] = {name: [""] for name in outputs}
    for node in graph.node:
        for source in node.input:
            readers.setdefault(node_of(source), []).append(node.name)
    return readers


def _channels_last_float(node: Any) -> bool:
    return _attr(node, "data_format").s in (b"", b"NHWC") and _attr(node, "T").type == tf.float32.as_datatype_enum


def _attr(node: Any, name: str) -> Any:
    """Not `node.attr[name]`, which makes what is missing; optimizers refuse a node that has what its op has not."""
    return node.attr.get(name, tf.compat.v1.AttrValue())


def _behind(
    convolution: Any,
    channels: int,
    nodes: Mapping[str, Any],
    readers: Mapping[str, Sequence[str]],
    constants: Constants,
) -> tuple[list[Any], _Affine]:
    """The nodes in order that each alone read the one before and scale or move its channels, and what they do to it."""
    chain: list[Any] = []
    last, affine = convolution, _UNCHANGED
    while len(reading := readers.get(last.name, ())) == 1 and reading[0] in nodes:
        node = nodes[reading[0]]
        after = _after(affine, node, last.name, partial(constants.per_channel, channels=channels))
        if after is None:
            break
        chain.append(node)
        last, affine = node, after
    return chain, affine


def _after(affine: _Affine, node: Any, last: str, per_channel: Callable[[str], Values | None]) -> _Affine | None:
    """`affine`, then `node`, which reads the node `last`; None when `node` does anything else."""
    if node.op not in _FOLDED or not _channels_last_float(node):
        return None
    first = node.input[0].removesuffix(":0") == last
    found = [per_channel(source) for source in (node.input[1:] if first else node.input[:-1])]
    values = [value for value in found if value is not None]
    if len(values) != len(node.input) - 1:
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


def _add_convolution(graph: Any, fold: _Fold, weights: npt.NDArray[np.float32]) -> None:
    scale = np.broadcast_to(fold.affine.scale, fold.channels)
    if fold.convolution.op == _DEPTHWISE:
        scale = scale.reshape(weights.shape[2:])
    _add_constant(graph, fold.kernel, weights * scale)
    node = graph.node.add()
    node.CopyFrom(fold.convolution)
    node.input[1] = fold.kernel


def _add_bias(graph: Any, fold: _Fold) -> None:
    _add_constant(graph, fold.bias, np.broadcast_to(fold.affine.offset, fold.channels))
    node = graph.node.add(name=fold.end, op="BiasAdd", input=[fold.convolution.name, fold.bias])
    node.device = fold.convolution.device
    node.attr["T"].type = tf.float32.as_datatype_enum
    node.attr["data_format"].s = b"NHWC"


def _add_constant(graph: Any, name: str, values: Values) -> None:
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values.astype(np.float32)))
