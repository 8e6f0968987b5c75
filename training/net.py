"""The network: a small residual backbone, merged upwards again to a grid of one cell per 4 x 4 pixels.

Fully convolutional, so one set of weights serves every image size; no anchors, so there is nothing to tune per size.
Each cell answers: how much is this the middle of a defect of class c (centre heatmap, CenterNet, arXiv:1904.07850), and
how far is it to the four sides of that defect (FCOS, arXiv:1904.01355).

Written with plain TensorFlow operations: a SavedModel of a tf.Module holds its weights and one function, loads in well
under a second, and carries no Keras configuration.
"""

from collections.abc import Callable

import tensorflow as tf

STRIDE = 4
"""Pixels per cell of the output grid."""

PADDING_MULTIPLE = 32
"""Sides must be a multiple of the deepest stride, so that the way up meets the way down."""

CLASSES = 4

NORM_MOMENTUM, NORM_EPSILON = 0.97, 1e-3

LAYERS: dict[str, tuple[int, int, int]] = {
    "stem": (3, 16, 2),
    "c2": (16, 32, 2), "c2a": (32, 32, 1),
    "c3": (32, 64, 2), "c3a": (64, 64, 1), "c3b": (64, 64, 1), "c3c": (64, 64, 1), "c3d": (64, 64, 1),
    "c4": (64, 96, 2), "c4a": (96, 96, 1), "c4b": (96, 96, 1), "c4c": (96, 96, 1), "c4d": (96, 96, 1),
    "c5": (96, 128, 2), "c5a": (128, 128, 1), "c5b": (128, 128, 1),
    "p4": (64, 64, 1), "p3": (64, 64, 1), "p2": (32, 32, 1), "head": (32, 64, 1),
}  # fmt: skip
"""3 x 3 convolutions with batch normalisation: name -> (channels in, channels out, stride)."""

PROJECTIONS: dict[str, tuple[int, int]] = {
    "l5": (128, 64), "l4": (96, 64), "l3": (64, 64), "d3": (64, 32), "l2": (32, 32), "out": (64, CLASSES + 4),
}  # fmt: skip
"""1 x 1 convolutions with a bias: name -> (channels in, channels out)."""


class Conv(tf.Module):
    """A convolution with a bias; what is left of a ConvNorm once training is over."""

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor, stride: int = 1) -> None:
        super().__init__()
        self.kernel = tf.Variable(kernel)
        self.bias = tf.Variable(bias)
        self.stride = stride

    def __call__(self, x: tf.Tensor, _training: bool) -> tf.Tensor:
        return tf.nn.bias_add(tf.nn.conv2d(x, self.kernel, self.stride, "SAME"), self.bias)

    def folded(self) -> "Conv":
        return Conv(self.kernel, self.bias, self.stride)


class ConvNorm(tf.Module):
    """3 x 3 convolution and batch normalisation, with running averages for the time after training."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, initial: Callable[..., tf.Tensor]) -> None:
        super().__init__()
        self.kernel = tf.Variable(initial((3, 3, channels_in, channels_out)))
        self.scale = tf.Variable(tf.ones(channels_out))
        self.offset = tf.Variable(tf.zeros(channels_out))
        self.mean = tf.Variable(tf.zeros(channels_out), trainable=False)
        self.variance = tf.Variable(tf.ones(channels_out), trainable=False)
        self.stride = stride

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        x = tf.nn.conv2d(x, self.kernel, self.stride, "SAME")
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, self.scale, self.offset,
            None if training else self.mean, None if training else self.variance,
            epsilon=NORM_EPSILON, is_training=training,
        )  # fmt: skip
        if training:
            self.mean.assign_add((mean - self.mean) * (1 - NORM_MOMENTUM))
            self.variance.assign_add((variance - self.variance) * (1 - NORM_MOMENTUM))
        return y

    def folded(self) -> Conv:
        """The same function as one convolution: normalisation with fixed averages is a scale and an offset."""
        factor = self.scale * tf.math.rsqrt(self.variance + NORM_EPSILON)
        return Conv(self.kernel * factor, self.offset - self.mean * factor, self.stride)


class Detector(tf.Module):
    """float32 [B, H, W, 3] RGB in -1..1, H and W multiples of 32 -> logits [B, H/4, W/4, 4], sides [B, H/4, W/4, 4].

    `sides` are the logarithms of the distances from the middle of the cell to left, top, right and bottom, in strides.
    """

    def __init__(self, layers: dict[str, tf.Module]) -> None:
        super().__init__()
        self.layers = layers

    @classmethod
    def fresh(cls, seed: int) -> "Detector":
        seeds = iter(range(seed * 1000, seed * 1000 + 1000))

        def he_normal(shape: tuple[int, ...]) -> tf.Tensor:
            return tf.keras.initializers.HeNormal(seed=next(seeds))(shape)

        layers: dict[str, tf.Module] = {name: ConvNorm(*spec, he_normal) for name, spec in LAYERS.items()}
        for name, (channels_in, channels_out) in PROJECTIONS.items():
            layers[name] = Conv(he_normal((1, 1, channels_in, channels_out)), tf.zeros(channels_out))
        # A heatmap is nearly all zeros: begin at a probability of one in a hundred; sides begin at 3 strides.
        layers["out"].kernel.assign(layers["out"].kernel * 0.1)
        layers["out"].bias.assign([-4.6] * CLASSES + [1.1] * 4)
        return cls(layers)

    def folded(self) -> "Detector":
        """For inference only, with half the operations of a layer and none of its running averages."""
        return Detector({name: layer.folded() for name, layer in self.layers.items()})

    def __call__(self, x: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        def conv(name: str, x: tf.Tensor) -> tf.Tensor:
            return tf.nn.relu(self.layers[name](x, training))

        def residual(first: str, second: str, x: tf.Tensor) -> tf.Tensor:
            return tf.nn.relu(x + self.layers[second](conv(first, x), training))

        def merge(above: tf.Tensor, name: str, beside: tf.Tensor) -> tf.Tensor:
            return _twice_as_large(above) + self.layers[name](beside, training)

        c2 = conv("c2a", conv("c2", conv("stem", x)))
        c3 = residual("c3c", "c3d", residual("c3a", "c3b", conv("c3", c2)))
        c4 = residual("c4c", "c4d", residual("c4a", "c4b", conv("c4", c3)))
        c5 = residual("c5a", "c5b", conv("c5", c4))
        p4 = conv("p4", merge(self.layers["l5"](c5, training), "l4", c4))
        p3 = conv("p3", merge(p4, "l3", c3))
        p2 = conv("p2", merge(self.layers["d3"](p3, training), "l2", c2))
        out = self.layers["out"](conv("head", p2), training)
        return out[..., :CLASSES], out[..., CLASSES:]


def _twice_as_large(x: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(x, 2 * tf.shape(x)[1:3], method="nearest")
