"""The models that a slot holds: each loaded once, least recently used first out when their bytes exceed the share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from contract.memory import MIB
from contract.model_spec import ModelSpec
from workers.store import ModelStore

if TYPE_CHECKING:
    from workers.engine.saved_model import SavedModel

#: Anonymous memory of a process that has imported TensorFlow and loaded nothing.
#: Measured with `python -m workers.profile.child` (TensorFlow 2.21, x86-64).
RUNTIME_BYTES = 190 * MIB


class LoadedModels:
    def __init__(
        self, store: ModelStore, share_bytes: int, on_change: Callable[[list[str]], object] | None = None
    ) -> None:
        """`on_change` is told what is loaded, `name@version`, least recently used first."""
        self._on_change = on_change
        self._store = store
        self._share_bytes = share_bytes
        self._loaded: OrderedDict[str, SavedModel] = OrderedDict()

    def held(self, digest: str) -> SavedModel | None:
        """The model of `digest` if it is loaded."""
        return self._loaded.get(digest)

    def spec(self, ref: str, digest: str) -> ModelSpec:
        """What the store says of the model `name@version`; ModelBroken when it has no such model."""
        return self._store.spec(ref, digest)

    def get(self, ref: str, digest: str) -> SavedModel:
        """The model `name@version`, loaded now if it isn't yet. ModelBroken when the store has no such model."""
        from workers.engine.saved_model import SavedModel  # TensorFlow: not before a slot needs it

        if digest in self._loaded:
            self._loaded.move_to_end(digest)
            return self._loaded[digest]
        spec, directory = self._store.find(ref, digest)
        for unneeded in to_unload([model.spec for model in self._loaded.values()], spec, self._share_bytes):
            del self._loaded[unneeded]
            self._store.release(unneeded)
        try:
            self._loaded[digest] = SavedModel(directory, spec)
        except BaseException:
            self._store.release(digest)
            raise
        finally:
            if self._on_change is not None:
                self._on_change([model.spec.ref for model in self._loaded.values()])
        return self._loaded[digest]


def to_unload(loaded: list[ModelSpec], wanted: ModelSpec, share_bytes: int) -> list[str]:
    """Digests to unload, in order, so that `wanted` and one image of it fit in `share_bytes`.

    `loaded` is ordered from least to most recently used; other versions of the wanted model go before any of those.
    Every base contains the runtime, which is there only once.
    """
    free = share_bytes - wanted.one_image_bytes
    other_versions_first = sorted(loaded, key=lambda spec: spec.name != wanted.name)
    held = [(spec.digest, max(spec.memory.base_bytes - RUNTIME_BYTES, 0)) for spec in other_versions_first]
    going = []
    while held and sum(own_bytes for _, own_bytes in held) > free:
        going.append(held.pop(0)[0])
    return going
