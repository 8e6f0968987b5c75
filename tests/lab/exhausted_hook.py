"""An extension as operators add one, `celery -A workers worker -I tests.lab.exhausted_hook`, that runs out of memory.

On the first attempt at a task a MemoryError escapes from all of Vedette's code; later, the model raises one for every
batch of more than two images.
"""

from typing import Any

from celery.signals import worker_process_init

from workers import detect

_work = detect._work


def _escaping(task: Any, slot: Any, claims: Any, worker: str) -> Any:
    if claims.first.attempt == 1:
        raise MemoryError("unable to allocate an array")
    return _work(task, slot, claims, worker)


def _make_the_model_raise(**_signal: Any) -> None:
    from workers.engine.saved_model import SavedModel  # in the slot: TensorFlow

    detect_all = SavedModel.detect

    def detect_few(model: Any, images: Any) -> Any:
        if len(images) > 2:
            raise MemoryError("unable to allocate an array")
        return detect_all(model, images)

    SavedModel.detect = detect_few  # type: ignore[method-assign]


detect._work = _escaping
worker_process_init.connect(_make_the_model_raise, weak=False)
