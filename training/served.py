"""Call an exported model as a stranger would: by its signature, knowing nothing of the network."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from training.names import INPUT_NAME, SIGNATURE_KEY, VERSION


class Served:
    """The model `name` of a store, loaded."""

    def __init__(self, store: Path, name: str) -> None:
        # A signature does not keep the model's variables alive; whoever drops the model cannot call it any more.
        self._model = tf.saved_model.load(str(store / name / VERSION))
        self._signature = self._model.signatures[SIGNATURE_KEY]

    def detect(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 [B, H, W, 3] RGB -> the outputs of the signature."""
        outputs = self._signature(**{INPUT_NAME: tf.constant(images)})
        return {key: value.numpy() for key, value in outputs.items()}
