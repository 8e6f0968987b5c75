"""A new version of a model gets work when it has worked: each slot loads it and runs one call before it is published.

For versions that appear in the store of a running worker. Its main process puts one message for each slot on a queue of
its own, slots answer in between tasks (`workers.warm`), and what came of it is a file beside the black boxes: the main
process may not import TensorFlow, and a slot that dies of a model says nothing more.
"""

import time
from pathlib import Path
from typing import Final, Literal

from celery import Celery

from contract.doorbell import celery_queue
from contract.model_spec import ModelSpec

WARM_TASK: Final = "vedette.warm"

#: `no room`: other models and neighbours left none. It is published all the same: admission decides when work comes.
Outcome = Literal["warm", "no room", "broken"]


def warm_queue(node: str) -> str:
    return f"vedette.warm.{node}"


class WarmUp:
    """The main process's side: which versions wait to be published, and what became of them."""

    def __init__(self, boxes: Path, give_up_s: float) -> None:
        self._boxes = boxes
        self._give_up_s = give_up_s
        self._pending: dict[str, tuple[ModelSpec, float]] = {}
        #: Digest to whether it may be published.
        self._known: dict[str, bool] = {}

    @property
    def pending(self) -> bool:
        return bool(self._pending)

    def may_publish(self, spec: ModelSpec) -> bool | None:
        """None for one that has to be warmed first, and isn't yet."""
        return self._known.get(spec.digest)

    def spare(self, spec: ModelSpec) -> None:
        """May be published without a warm-up: was there when the worker started, or is for bigger machines."""
        if spec.digest not in self._pending:
            self._known.setdefault(spec.digest, True)

    def begin(self, celery_app: Celery, spec: ModelSpec, node: str, slots: int) -> None:
        """Asks each slot; asked twice, it is asked once. Raises what kombu raises when Redis is away."""
        if spec.digest in self._pending:
            return
        for _ in range(slots):
            celery_app.send_task(
                WARM_TASK, kwargs={"model": spec.ref, "digest": spec.digest}, queue=celery_queue(warm_queue(node))
            )
        self._pending[spec.digest] = spec, time.monotonic()

    def finished(self) -> list[tuple[ModelSpec, Outcome, str]]:
        """(spec, outcome, what was seen) of versions whose first slot has answered, or none has for too long."""
        ended: list[tuple[ModelSpec, Outcome, str]] = []
        for digest, (spec, asked_s) in [*self._pending.items()]:
            outcome, text = read_outcome(self._boxes, digest)
            if outcome is None and time.monotonic() - asked_s > self._give_up_s:
                outcome, text = "broken", f"no slot could load it within {self._give_up_s:g} s"
            if outcome is not None:
                del self._pending[digest]
                self._known[digest] = outcome != "broken"
                ended.append((spec, outcome, text))
        return ended


def read_outcome(boxes: Path, digest: str) -> tuple[Outcome | None, str]:
    try:
        outcome, _, text = _file(boxes, digest).read_text(encoding="utf-8").partition("\n")
    except OSError:
        return None, ""
    return outcome, text  # type: ignore[return-value]  # written below


def write_outcome(boxes: Path, digest: str, outcome: Outcome, text: str = "") -> None:
    """The first answer counts: a slot that was warm already has nothing to tell of a second message."""
    draft = boxes / f"warm.{time.monotonic_ns()}"
    draft.write_text(f"{outcome}\n{text}", encoding="utf-8")
    draft.replace(_file(boxes, digest))


def _file(boxes: Path, digest: str) -> Path:
    return boxes / f"warm-{digest.removeprefix('sha256:')}"
