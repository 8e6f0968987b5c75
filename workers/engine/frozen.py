"""A signature whose variables have become constants, run in a session of its own.

Constants can be worked out beforehand and folded into their neighbours, batch normalisation into convolutions above
all: `workers.engine.folding`.

A session rather than a function: a function of constants keeps copies of them in every layer of TensorFlow's runtime.
An SSD-MobileNet held 1.0 GB as a function and 0.74 GB in a session, 0.72 GB as it was exported.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from contract.engine_plan import EnginePlan
from workers.engine.folding import folded


class NotFreezable(Exception):
    """The graph has state beside its variables, such as tables."""


class FrozenGraph:
    """Callable from several threads at once: as many as `plan.streams` make headway."""

    def __init__(self, function: Any, outputs: Sequence[str], threads: int, plan: EnginePlan) -> None:
        """`function`: a concrete function of one tensor that gives a dictionary; raises NotFreezable.

        `function` and what it holds may go afterwards.
        """
        frozen = convert_variables_to_constants_v2(function)
        inputs = [tensor for tensor in frozen.inputs if tensor.dtype != tf.resource]
        if len(inputs) != 1 or len(inputs) != len(frozen.inputs):
            raise NotFreezable(f"it takes {len(frozen.inputs)} tensors once its variables are constants")
        names = sorted(function.structured_outputs)
        fetched = {name: tensor.name for name, tensor in zip(names, frozen.outputs, strict=True) if name in outputs}
        graph = tf.Graph()
        with graph.as_default():
            tf.graph_util.import_graph_def(
                folded(frozen.graph.as_graph_def(), [tensor.op.name for tensor in frozen.outputs]), name=""
            )
            self._session = tf.compat.v1.Session(graph=graph, config=_config(threads, plan))
        self._names = list(fetched)
        self._run: Any = self._session.make_callable([*fetched.values()], feed_list=[inputs[0].name])

    def __call__(self, tensor: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        return dict(zip(self._names, map(np.asarray, self._run(tensor)), strict=True))


def _config(threads: int, plan: EnginePlan) -> Any:
    """Streams share out the threads inside of ops, and ops start on as many threads as there are streams.

    Two streams that each share their ops out to both of two cores wait for each other: of photographs through an
    SSD-MobileNet, 36 a second instead of 39.
    """
    config = tf.compat.v1.ConfigProto(
        device_count={"GPU": 0},
        intra_op_parallelism_threads=max(1, threads // plan.streams),
        inter_op_parallelism_threads=plan.streams,
        use_per_session_threads=True,
    )
    if plan.bf16:
        rewriter = config.graph_options.rewrite_options
        rewriter.auto_mixed_precision_onednn_bfloat16 = type(rewriter).ON
    return config
