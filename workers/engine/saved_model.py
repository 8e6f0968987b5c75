"""One SavedModel as a function from pixels to boxes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from contract.errors import ModelBroken
from contract.model_spec import ModelSpec

#: The Object Detection API's output names; nothing else is fetched.
_OUTPUTS: Final = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


@dataclass(frozen=True)
class RawDetections:
    """What the model says of one image: row i of each array is one candidate, best first."""

    #: float32 [M, 4]: y_min, x_min, y_max, x_max, as fractions of the image's height and width.
    boxes: npt.NDArray[np.float32]
    #: float32 [M].
    scores: npt.NDArray[np.float32]
    #: int [M], 1-based.
    class_ids: npt.NDArray[np.int64]


class SavedModel:
    """A loaded SavedModel with the signature of its spec."""

    def __init__(self, directory: Path, spec: ModelSpec) -> None:
        """Raises ModelBroken when `directory` is no SavedModel or lacks the signature; memory errors pass through."""
        self.spec = spec
        try:
            # The signature alone doesn't keep the variables alive.
            self._loaded: Any = tf.saved_model.load(str(directory))
            self._call: Any = self._loaded.signatures[spec.signature.key]
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise
        except Exception as error:  # which one depends on the part that is broken: six kinds were seen
            raise ModelBroken(f"{spec.ref}: cannot be loaded as a SavedModel: {error}") from error
        missing = [name for name in _OUTPUTS if name not in self._call.structured_outputs]
        if missing:
            raise ModelBroken(f"{spec.ref}: signature {spec.signature.key} lacks the outputs {', '.join(missing)}")
        inputs = sorted(self._call.structured_input_signature[1])
        if inputs != [spec.signature.input]:
            raise ModelBroken(
                f"{spec.ref}: signature {spec.signature.key} takes {', '.join(inputs)}, not {spec.signature.input}"
            )

    def detect(self, images: npt.NDArray[np.uint8]) -> list[RawDetections]:
        """Runs uint8 RGB images [N, H, W, 3]; one RawDetections per image, in order."""
        if self.spec.signature.batch == "one":
            return [self._run(images[i : i + 1])[0] for i in range(len(images))]
        return self._run(images)

    def _run(self, images: npt.NDArray[np.uint8]) -> list[RawDetections]:
        outputs = self._call(**{self.spec.signature.input: tf.constant(images)})
        boxes, scores, classes, counts = (outputs[name].numpy() for name in _OUTPUTS)
        return [
            RawDetections(boxes[i, :count], scores[i, :count], classes[i, :count].astype(np.int64))
            for i, count in enumerate(counts.astype(np.int64))
        ]
