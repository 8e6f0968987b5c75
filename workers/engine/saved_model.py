"""One SavedModel as a function from pixels to boxes, whatever its signature: as its spec describes it."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from contract.engine_plan import PLAIN, EnginePlan, unfrozen
from contract.errors import ModelBroken
from contract.model_spec import ModelSpec
from workers.engine.feed import Feed
from workers.engine.frozen import FrozenGraph
from workers.engine.geometry import Geometry
from workers.engine.readers import RawDetections, reader_for
from workers.engine.readers.base import Fetched
from workers.engine.runtime import give_back

__all__ = ["RawDetections", "SavedModel"]

logger = logging.getLogger(__name__)

#: Side of the image that a frozen graph is made ready with: what it folds, it folds in its first call.
_FIRST_PX = 256


class SavedModel:
    """A loaded SavedModel with the signature of its spec, run as its plan says."""

    def __init__(self, directory: Path, spec: ModelSpec, plan: EnginePlan = PLAIN, threads: int = 1) -> None:
        """Raises ModelBroken when `directory` is no SavedModel or lacks the signature; memory errors pass through.

        `threads`: those of the process. A graph that cannot be frozen is run as it was exported.
        """
        self.spec = spec
        self.plan = plan
        #: Calls of `detect` that are to run at once go through this.
        self.streams = ThreadPoolExecutor(plan.streams, thread_name_prefix="call")
        self.feed = Feed(spec.signature)
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
        function = _only(signature, spec.signature.input, list(self._reader.tensors))
        self._call: Any = None
        if plan.frozen:
            self._call = self._frozen(function, threads)
        if self._call is None:
            self._call = _exported(function, signature, spec.signature.input)
        else:
            self._loaded = function = signature = None
            give_back()

    def _frozen(self, function: Any, threads: int) -> FrozenGraph | None:
        """None, and another plan, when it cannot be done."""
        try:
            frozen = FrozenGraph(function, list(self._reader.tensors), threads, self.plan)
            tensor, _ = self.feed.tensor(np.zeros((self._images_of_a_call, _FIRST_PX, _FIRST_PX, 3), np.uint8))
            frozen(tensor)
        except (MemoryError, tf.errors.ResourceExhaustedError):
            raise
        except Exception as error:  # what cannot be a constant shows in many ways
            logger.warning("model %s is run as it was exported, and not frozen: %s", self.spec.ref, error)
            self.plan = unfrozen(self.plan)
            return None
        return frozen

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

        takes = signature.structured_input_signature[1][spec.signature.input]
        # Not left to TensorFlow: a call with a shape that the signature excludes may run, and give nonsense.
        if takes.dtype.name != self.feed.dtype or not _takes(takes.shape, self.feed.shape):
            raise ModelBroken(
                f"{spec.ref}: {spec.signature.input} takes {takes.dtype.name} {_shape_text(takes.shape)}, and its "
                f"model.toml says {self.feed.dtype} {_shape_text(self.feed.shape)}"
            )

    def detect(self, images: npt.NDArray[np.uint8]) -> list[RawDetections]:
        """Runs uint8 RGB images [N, H, W, 3]; one RawDetections per image, in order.

        ValueError when an output can't be what the spec says it is.
        """
        found: list[RawDetections] = []
        for part, count in self.feed.calls(images):
            found += self._reader.read(*self.fetch(part))[:count]
        return found

    def fetch(self, images: npt.NDArray[np.uint8]) -> tuple[Fetched, Geometry]:
        """One call: the tensors that the spec's outputs name, and where the images lay in what was fed."""
        tensor, geometry = self.feed.tensor(images)
        outputs = self._call(tensor)
        return {name: _numbers(value) for name, value in outputs.items()}, geometry

    @property
    def call_images(self) -> int | None:
        """How many images of one size go into a call of `detect` at most; None: all that a batch has."""
        return None if self.plan.call_images is None else max(self.plan.call_images, self._images_of_a_call)

    @property
    def _images_of_a_call(self) -> int:
        """The fewest: a signature of a fixed number is filled up to it."""
        batch = self.spec.signature.batch
        return batch if isinstance(batch, int) else 1


def _takes(takes: Any, given: tuple[int | None, ...]) -> bool:
    """Whether a tensor's shape allows all that will be given: None allows any size, and means any in `given`."""
    if takes.rank is None:
        return True
    return takes.rank == len(given) and all(side in (None, fed) for side, fed in zip(takes, given, strict=True))


def _shape_text(shape: Any) -> str:
    return f"[{', '.join('?' if side is None else str(side) for side in shape)}]"


def _numbers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Reduced precision is for the graph; what is read is float32."""
    reduced = values.dtype.kind == "f" or values.dtype.name == "bfloat16"
    return values.astype(np.float32, copy=False) if reduced else values


def _only(signature: Any, input_name: str, wanted: list[str]) -> Any:
    """The signature without the outputs that nobody reads, such as masks: they are neither computed nor copied."""
    # Then there is nothing to leave out, and nothing to trace once more.
    if set(wanted) == set(signature.structured_outputs):
        return signature
    takes = signature.structured_input_signature[1][input_name]

    def call(images: Any) -> Any:
        outputs = signature(**{input_name: images})
        return {name: outputs[name] for name in wanted}

    # By position: TF1 exports have inputs such as `image_arrays:0`, which no Python argument can be called.
    return tf.function(call, autograph=False).get_concrete_function(tf.TensorSpec(takes.shape, takes.dtype, "images"))


def _exported(function: Any, signature: Any, input_name: str) -> Any:
    """`function` of an array, giving arrays."""

    def call(tensor: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        given = tf.constant(tensor)
        outputs = function(**{input_name: given}) if function is signature else function(given)
        return {name: value.numpy() for name, value in outputs.items()}

    return call
