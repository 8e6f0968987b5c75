"""One SavedModel as a function from pixels to boxes, whatever its signature: as its spec describes it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from contract.errors import ModelBroken
from contract.model_spec import ModelSpec
from workers.engine.feed import Feed
from workers.engine.readers import RawDetections, reader_for

__all__ = ["RawDetections", "SavedModel"]


class SavedModel:
    """A loaded SavedModel with the signature of its spec."""

    def __init__(self, directory: Path, spec: ModelSpec) -> None:
        """Raises ModelBroken when `directory` is no SavedModel or lacks the signature; memory errors pass through."""
        self.spec = spec
        self._feed = Feed(spec.signature)
        self._reader = reader_for(spec.outputs)
        try:
            # The signature alone doesn't keep the variables alive.
            self._loaded: Any = tf.saved_model.load(str(directory))
            signature: Any = self._loaded.signatures[spec.signature.key]
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise
        except Exception as error:  # which one depends on the part that is broken: six kinds were seen
            raise ModelBroken(f"{spec.ref}: cannot be loaded as a SavedModel: {error}") from error
        self._refuse_what_is_not_there(signature)
        self._call: Any = _only(signature, spec.signature.input, list(self._reader.tensors))

    def _refuse_what_is_not_there(self, signature: Any) -> None:
        spec, outputs = self.spec, signature.structured_outputs
        missing = [name for name in self._reader.tensors if name not in outputs]
        if missing:
            raise ModelBroken(
                f"{spec.ref}: signature {spec.signature.key} lacks the outputs {', '.join(missing)}; "
                f"it has {', '.join(sorted(outputs))}"
            )
        inputs = sorted(signature.structured_input_signature[1])
        if inputs != [spec.signature.input]:
            raise ModelBroken(
                f"{spec.ref}: signature {spec.signature.key} takes {', '.join(inputs)}, "
                f"not {spec.signature.input} and nothing else"
            )

    def detect(self, images: npt.NDArray[np.uint8]) -> list[RawDetections]:
        """Runs uint8 RGB images [N, H, W, 3]; one RawDetections per image, in order.

        ValueError when an output can't be what the spec says it is.
        """
        found: list[RawDetections] = []
        for part, count in self._feed.calls(images):
            found += self._run(part)[:count]
        return found

    def _run(self, images: npt.NDArray[np.uint8]) -> list[RawDetections]:
        tensor, geometry = self._feed.tensor(images)
        outputs = self._call(tf.constant(tensor))
        return self._reader.read({name: _numbers(value) for name, value in outputs.items()}, geometry)


def _numbers(tensor: Any) -> npt.NDArray[Any]:
    """Reduced precision is for the graph; what is read is float32."""
    return (tf.cast(tensor, tf.float32) if tensor.dtype.is_floating else tensor).numpy()  # type: ignore[no-any-return]


def _only(signature: Any, input_name: str, wanted: list[str]) -> Any:
    """The signature without the outputs that nobody reads, such as masks: they are neither computed nor copied."""
    takes = signature.structured_input_signature[1][input_name]

    def call(images: Any) -> Any:
        outputs = signature(**{input_name: images})
        return {name: outputs[name] for name in wanted}

    # By position: TF1 exports have inputs such as `image_arrays:0`, which no Python argument can be called.
    return tf.function(call, autograph=False).get_concrete_function(tf.TensorSpec(takes.shape, takes.dtype, "images"))
