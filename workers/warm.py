"""The warm-up of a new model version in a slot, and the main process's view of it: see `workers.warm_up`."""

from typing import Any, Final

from billiard.exceptions import WorkerLostError
from celery import Task
from celery.worker.request import Request

from workers.celery_app import app
from workers.findings import findings
from workers.slot import Slot, this_slot
from workers.verdict import describe_error
from workers.warm_up import WARM_TASK, Outcome, write_outcome

_IMAGE_PX: Final = 64


class WarmRequest(Request):  # type: ignore[misc]  # Celery has no types
    """The main process's view of a warm-up: a slot that died of it has said nothing."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            write_outcome(findings().boxes, self.kwargs["digest"], "broken", f"the slot that loaded it died: {error}")
        return super().on_failure(exc_info, send_failed_event, return_ok)


@app.task(name=WARM_TASK, bind=True, typing=False, Request="workers.warm:WarmRequest")  # type: ignore[untyped-decorator]
def warm(_task: Task, model: str, digest: str) -> str:
    """Loads a model and runs it once. What it returns is for Flower."""
    try:
        outcome, text = _warm(this_slot(), model, digest), ""
    except Exception as error:  # Celery stops the whole worker for a MemoryError that leaves a task
        outcome, text = "broken", describe_error(error)
    write_outcome(findings().boxes, digest, outcome, text)
    return f"{outcome}: {text}" if text else outcome


def _warm(slot: Slot, model: str, digest: str) -> Outcome:
    import numpy as np  # in slots only

    spec = slot.models.spec(model, digest)
    if slot.models.held(digest) is None and slot.memory.room_for(spec).batch == 0:
        return "no room"
    ready = slot.models.get(model, digest, room_bytes=slot.memory.loading_room_bytes())
    ready.detect(np.zeros((1, _IMAGE_PX, _IMAGE_PX, 3), np.uint8))
    slot.memory.model_loaded()
    return "warm"
