"""The models that a slot holds: each loaded once, least recently used first out when their bytes exceed the share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from contract.engine_plan import exactly, plan_for, within
from contract.memory import MIB
from contract.model_spec import ModelSpec
from workers.store import ModelStore

if TYPE_CHECKING:
    from workers.engine.saved_model import SavedModel

#: Anonymous memory of a process that has imported TensorFlow and loaded nothing.
#: Measured with `python -m workers.profile.child` (TensorFlow 2.21, x86-64).
RUNTIME_BYTES = 190 * MIB

#: Digest, and whether it is the one for `exact` jobs where the other computes in bfloat16.
_Key = tuple[str, bool]


class LoadedModels:
    def __init__(
        self,
        store: ModelStore,
        share_bytes: int,
        on_change: Callable[[list[str]], object] | None = None,
        *,
        machine: str = "",
        threads: int = 1,
    ) -> None:
        """`on_change` is told what is loaded, `name@version`, least recently used first.

        `machine`: the engine class of the slot, `threads`: those of its process.
        """
        self._on_change = on_change
        self._machine = machine
        self._threads = threads
        self._store = store
        self._share_bytes = share_bytes
        self._loaded: OrderedDict[_Key, SavedModel] = OrderedDict()

    def held(self, digest: str, *, exact: bool = False) -> SavedModel | None:
        """The model of `digest` if it is loaded, and for an `exact` job, as that wants it."""
        return self._loaded.get(self._key(digest, exact))

    def _key(self, digest: str, exact: bool) -> _Key:
        """What jobs that do not ask for `exact` use serves all where it computes in full precision."""
        fast = self._loaded.get((digest, False))
        return digest, exact and (fast is None or fast.plan.bf16)

    def spec(self, ref: str, digest: str) -> ModelSpec:
        """What the store says of the model `name@version`; ModelBroken when it has no such model."""
        return self._store.spec(ref, digest)

    def get(self, ref: str, digest: str, *, exact: bool = False, room_bytes: int | None = None) -> SavedModel:
        """The model `name@version`, loaded now if it isn't yet. ModelBroken when the store has no such model.

        `room_bytes`: what the process may hold while it loads; None: the share. Where the plan of this machine needs
        more to be made ready, the model is run as it was exported.
        """
        from workers.engine.saved_model import SavedModel  # TensorFlow: not before a slot needs it

        key = self._key(digest, exact)
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key]
        spec, directory = self._store.find(ref, digest)
        plan = within(plan_for(spec.engine, self._machine), self._share_bytes if room_bytes is None else room_bytes)
        key = (digest, exact and plan.bf16)
        for unneeded in to_unload({its: model.spec for its, model in self._loaded.items()}, spec, self._share_bytes):
            del self._loaded[unneeded]
            self._release(unneeded[0], but=digest)
        try:
            self._loaded[key] = SavedModel(directory, spec, exactly(plan) if exact else plan, self._threads)
        except BaseException:
            self._release(digest)
            raise
        finally:
            if self._on_change is not None:
                self._on_change(list(dict.fromkeys(model.spec.ref for model in self._loaded.values())))
        return self._loaded[key]

    def _release(self, digest: str, but: str = "") -> None:
        """Lets the store drop the files, unless the model is loaded in another precision or is the one `but`."""
        if digest != but and not any(held == digest for held, _ in self._loaded):
            self._store.release(digest)


def to_unload(loaded: Mapping[_Key, ModelSpec], wanted: ModelSpec, share_bytes: int) -> list[_Key]:
    """What to unload, in order, so that `wanted` and one image of it fit in `share_bytes`.

    `loaded` is ordered from least to most recently used; other versions of the wanted model, and the same in another
    precision, go before any of those. Every base contains the runtime, which is there only once.
    """
    free = share_bytes - wanted.one_image_bytes
    relatives_first = sorted(loaded.items(), key=lambda item: item[1].name != wanted.name)
    held = [(key, max(spec.memory.base_bytes - RUNTIME_BYTES, 0)) for key, spec in relatives_first]
    going = []
    while held and sum(own_bytes for _, own_bytes in held) > free:
        going.append(held.pop(0)[0])
    return going
