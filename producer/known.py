"""What submissions go by: the model and the workers, as they were half a second ago at most.

Between two looks a worker may die and a model's next version come: that may as well happen right after a look. But a no
is never told from memory, for what it asks for may have been done since: a look decides.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from contract.errors import NoCapableWorker
from contract.model_spec import ModelSpec
from contract.registry import Advert, Registry

#: The same as a slot goes by a learned batch size, and less than it takes a worker to make a model known.
LOOKED_S: Final = 0.5
_MODELS_MAX: Final = 100

Decided = TypeVar("Decided")
Seen = tuple[ModelSpec, Sequence[Advert]]


class Known:
    """Of one registry. Threads may share it."""

    def __init__(self, registry: Registry, lifetime_s: float = LOOKED_S) -> None:
        self._registry = registry
        self._lifetime_s = lifetime_s
        self._seen: dict[str, tuple[float, Seen]] = {}

    def decide(self, model: str, decision: Callable[[ModelSpec, Sequence[Advert]], Decided]) -> Decided:
        """`decision` about the model called `model` and the workers that live; a NoCapableWorker of it is up to date.

        Raises ModelUnknown, and what redis-py raises.
        """
        at_s, seen = self._seen.get(model, (0.0, None))
        if seen is not None and time.monotonic() - at_s < self._lifetime_s:
            try:
                return decision(*seen)
            except NoCapableWorker:
                pass
        return decision(*self._look(model))

    def forget(self) -> None:
        self._seen = {}

    def _look(self, model: str) -> Seen:
        at_s = time.monotonic()
        seen = self._registry.model(model), self._registry.adverts()
        if len(self._seen) >= _MODELS_MAX:
            self.forget()
        self._seen[model] = at_s, seen
        return seen
