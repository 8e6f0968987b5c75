"""Celery over Redis: a process for each core, each with its own model: celery -A serve_celery worker

What one writes without more ado: the model is loaded once in each process, and each image is a task.
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

app = Celery("plain", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(worker_prefetch_multiplier=1)

_detector: Any = None


@worker_process_init.connect  # type: ignore[untyped-decorator]
def load(**_: Any) -> None:
    global _detector
    from detector import Detector

    _detector = Detector(threads=1)


@app.task  # type: ignore[untyped-decorator]
def detect(path: str) -> list[dict[str, Any]]:
    (found,) = _detector.detect([Path(path).read_bytes()])
    return found
