"""workers.engine.folding on graphs that TensorFlow makes."""

import copy

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from workers.engine.folding import folded

pytestmark = pytest.mark.integration

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
CHANNELS = 6
DRAW = np.random.default_rng(5)
KERNEL = DRAW.normal(size=(3, 3, 4, CHANNELS)).astype(np.float32)
#: Two channels out of each in.
DEPTHWISE = DRAW.normal(size=(3, 3, 3, 2)).astype(np.float32)
GAMMA, BETA, MEAN = (DRAW.normal(size=CHANNELS).astype(np.float32) for _ in range(3))
VARIANCE = DRAW.uniform(0.5, 2.0, CHANNELS).astype(np.float32)


def convolved(images):
    return tf.nn.conv2d(images, KERNEL, 1, "SAME")


def convolved_to_one(images):
    return tf.nn.conv2d(images, KERNEL[..., :1], 1, "SAME")


def convolved_depthwise(images):
    return tf.nn.depthwise_conv2d(images[..., :3], DEPTHWISE, (1, 1, 1, 1), "SAME")


def normalised(of, **how):
    return tf.compat.v1.nn.fused_batch_norm(of, GAMMA, BETA, MEAN, VARIANCE, is_training=False, **how)[0]


def normalised_in_steps(of):
    return tf.nn.batch_normalization(of, MEAN, VARIANCE, BETA, GAMMA, 1e-3)


def frozen(call):
    """The GraphDef of `call` on float32 [B, H, W, 4], and the name of its output."""
    takes = tf.TensorSpec([None, None, None, 4], tf.float32, "images")
    function = tf.function(call, autograph=False).get_concrete_function(takes)
    constant = convert_variables_to_constants_v2(function)
    [output] = constant.outputs
    return constant.graph.as_graph_def(), output.op.name


def ran(graph, output):
    images = np.random.default_rng(1).normal(size=(2, 7, 5, 4)).astype(np.float32)
    with tf.Graph().as_default() as here:
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session(graph=here) as session:
            return session.run(f"{output}:0", {"images:0": images})


def way_through(graph, output):
    """Ops from the output to the images, by what each reads first."""
    nodes = {node.name: node for node in graph.node}
    way = [nodes[output]]
    while way[-1].input:
        way.append(nodes[way[-1].input[0].removesuffix(":0")])
    return [node.op for node in way]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda images: tf.nn.relu6(normalised(convolved(images))), id="normalisation in one op"),
        pytest.param(lambda images: tf.nn.relu6(normalised_in_steps(convolved(images))), id="in multiplications"),
        pytest.param(lambda images: tf.nn.relu6(normalised(convolved_depthwise(images))), id="depthwise"),
        pytest.param(lambda images: tf.nn.relu6(normalised_in_steps(convolved_depthwise(images))), id="and both"),
        pytest.param(lambda images: normalised(tf.nn.bias_add(convolved(images), BETA)), id="after a bias"),
        pytest.param(lambda images: (convolved(images) - BETA) / VARIANCE * 2.0 + MEAN, id="other arithmetic"),
        pytest.param(lambda images: MEAN + GAMMA * convolved(images), id="constants first"),
        pytest.param(lambda images: normalised(tf.identity(convolved(images))), id="through an identity"),
    ],
)
def test_what_is_done_per_channel_becomes_weights_and_a_bias(call) -> None:
    graph, output = frozen(call)

    less = folded(graph, [output])

    left = way_through(less, output)
    assert left.index("BiasAdd") == next(n for n, op in enumerate(left) if op in CONVOLUTIONS) - 1
    assert set(left) <= {"Identity", "Relu6", "BiasAdd", *CONVOLUTIONS, "StridedSlice", "Placeholder"}
    np.testing.assert_allclose(ran(less, output), ran(graph, output), rtol=1e-4, atol=1e-4)


def in_training(images):
    return tf.compat.v1.nn.fused_batch_norm(convolved(images), GAMMA, BETA, is_training=True)[0]


def read_twice(images):
    here = convolved(images)
    return here * GAMMA + tf.nn.relu(here)


def its_own_factor(images):
    return convolved(images) * tf.reduce_mean(images)


def divided_by_it(images):
    return 1.0 / convolved(images)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(in_training, id="normalised by the batch"),
        pytest.param(read_twice, id="read twice"),
        pytest.param(its_own_factor, id="a factor that is no constant"),
        pytest.param(divided_by_it, id="a divisor"),
        pytest.param(lambda images: convolved(images)[..., :1] * GAMMA, id="one channel that becomes six"),
        pytest.param(lambda images: convolved_to_one(images) * GAMMA, id="and that of the convolution itself"),
        pytest.param(lambda images: convolved(images) * np.ones((7, 5, 1), np.float32) * 2, id="by place"),
        pytest.param(lambda images: tf.nn.bias_add(convolved(images), BETA), id="a bias already"),
    ],
)
def test_everything_else_stays_as_it_is(call) -> None:
    graph, output = frozen(call)
    before = copy.deepcopy(graph)

    assert list(folded(graph, [output]).node) == list(before.node)
    assert graph == before


def test_what_is_fetched_in_between_stays() -> None:
    graph, output = frozen(lambda images: convolved(images) * GAMMA + BETA)
    [factor] = [node.name for node in graph.node if node.op == "Mul"]

    less = folded(graph, [output, factor])

    np.testing.assert_allclose(ran(less, factor), ran(graph, factor), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ran(less, output), ran(graph, output), rtol=1e-4, atol=1e-4)
