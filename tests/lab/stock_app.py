"""Plain Celery as most projects set it up for work that must not be lost: what Vedette is held against.

    STOCK_REDIS=redis://… STOCK_DIARY=file celery -A tests.lab.stock_app worker

Each run of a task adds a line to the diary, so that a test can count them.
"""

import os
import time
from pathlib import Path

from celery import Celery

app = Celery("stock", broker=os.environ["STOCK_REDIS"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_default_queue="stock",
    broker_connection_retry_on_startup=True,
)


@app.task(name="stock.run")
def run(name: str, seconds: float = 0) -> None:
    _write(name)
    time.sleep(seconds)


@app.task(name="stock.exhaust")
def exhaust(name: str) -> None:
    _write(name)
    raise MemoryError("unable to allocate an array")


def _write(name: str) -> None:
    with Path(os.environ["STOCK_DIARY"]).open("a", encoding="utf-8") as diary:
        diary.write(name + "\n")
