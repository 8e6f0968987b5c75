"""Trained weights on disk: one npz per folded network, nothing but arrays."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from training.net import LAYERS, PROJECTIONS, Conv, Detector


def save(detector: Detector, path: Path) -> None:
    """Write the folded weights of `detector`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, layer in detector.folded().layers.items():
        arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = layer.kernel.numpy(), layer.bias.numpy()
    np.savez(path, **arrays)


def load(path: Path) -> Detector:
    """The network as `save` left it: for inference, or to learn on without normalisation."""
    layers: dict[str, tf.Module] = {}
    with np.load(path) as arrays:
        for name in [*LAYERS, *PROJECTIONS]:
            stride = LAYERS[name][2] if name in LAYERS else 1
            layers[name] = Conv(arrays[f"{name}/kernel"], arrays[f"{name}/bias"], stride)
    return Detector(layers)
