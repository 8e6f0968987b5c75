"""What the page's tables say, as rows of text: a view in, column title → cell out. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from producer.fleet import FleetView, ModelWork, QueueWork, WorkerState
from vedette.fleet.amounts import age, counted, of_bytes, speed
from vedette.fleet.columns import Column, Row

#: More workers than these are told of by class.
SINGLE_MAX: Final = 20
#: Workers that are named beside a queue.
_NAMES: Final = 2

WORKERS: Final = (
    Column("worker", 0),
    Column("CPU level", 5),
    Column("memory", 2),
    Column("slots × threads", 6),
    Column("slots", 1, right=True),
    Column("images/s", 3, right=True),
    Column("up", 7, right=True),
    Column("models loaded", 8, shortest=20),
    Column("note", 4, shortest=12),
)
QUEUES: Final = (
    Column("queue", 0),
    Column("images waiting", 1, right=True),
    Column("tasks", 5, right=True),
    Column("oldest", 3, right=True),
    Column("running", 4, right=True),
    Column("served by", 2, shortest=24),
)
MODELS: Final = (
    Column("model", 0),
    Column("images waiting", 1, right=True),
    Column("running", 4, right=True),
    Column("images/s", 2, right=True),
    Column("queue", 5),
    Column("workers", 3, shortest=24),
)


def headline(view: FleetView) -> str:
    """`3 workers, 4 of 6 slots busy, 61.3 images/s; 3,200 images wait, 120 are under way`."""
    if not view.workers:
        there_are = "no worker is alive: start one with `celery -A workers worker`"
    else:
        there_are = f"{counted(len(view.workers), 'worker')}, {_slots(view.workers)} slots busy"
        if any(worker.images_per_s is not None for worker in view.workers):
            there_are += f", {speed(sum(map(_rate, view.workers)))} images/s"
    waiting = sum(queue.images_waiting for queue in view.queues)
    running = sum(queue.images_running for queue in view.queues)
    about = "about " if view.estimated else ""
    return f"{there_are}; {about}{waiting:,} images wait, {running:,} are under way"


def worker_rows(view: FleetView, *, each: bool = False) -> list[Row]:
    """A row for each worker; of more than 20, and not `each`, one for each class of them."""
    if each or len(view.workers) <= SINGLE_MAX:
        return [_worker(worker, view.at) for worker in view.workers]
    classes: defaultdict[str, list[WorkerState]] = defaultdict(list)
    for worker in view.workers:
        classes[worker.worker_class].append(worker)
    return [_class(workers, view.at) for workers in sorted(classes.values(), key=_largest_first)]


def queue_rows(view: FleetView, *, empty: bool = True) -> list[Row]:
    """A row for each queue; without `empty`, for each that has work."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for worker in view.workers:
        for queue in worker.queues:
            names[queue].append(worker.node)
    return [_queue(queue, names[queue.name]) for queue in view.queues if empty or _has_work(queue)]


def model_rows(view: FleetView, *, empty: bool = True) -> list[Row]:
    return [_model(model) for model in view.models if empty or _has_work(model)]


def _worker(worker: WorkerState, at: datetime) -> Row:
    return {
        "worker": worker.node,
        "CPU level": worker.capability.cpu_level,
        "memory": of_bytes(worker.memory_used_bytes, worker.memory_limit_bytes),
        "slots": f"{_or_unknown(worker.slots_busy)}/{worker.capability.slots}",
        "images/s": "" if worker.images_per_s is None else speed(_rate(worker)),
        "up": "" if worker.since is None else age((at - worker.since).total_seconds()),
        "models loaded": ", ".join(sorted(worker.models_loaded or ())),
        "note": "; ".join(_notes(worker)),
    }


def _class(workers: Sequence[WorkerState], at: datetime) -> Row:
    """As of a worker, with sums; memory is that of the one that has most of it taken."""
    fullest = max(workers, key=lambda worker: (worker.memory_used_bytes or 0) / worker.memory_limit_bytes)
    told = [worker for worker in workers if worker.images_per_s is not None]
    starts = [worker.since for worker in workers if worker.since is not None]
    loaded = Counter(model for worker in workers for model in worker.models_loaded or ())
    notes = Counter(note.partition(":")[0] for worker in workers for note in _notes(worker))
    return {
        "worker": counted(len(workers), "worker"),
        "slots × threads": f"{workers[0].capability.slots} × {workers[0].capability.threads}",
        "CPU level": workers[0].capability.cpu_level,
        "memory": ("≤ " if fullest.memory_used_bytes else "")
        + of_bytes(fullest.memory_used_bytes, fullest.memory_limit_bytes),
        "slots": _slots(workers).replace(" of ", "/"),
        "images/s": speed(sum(map(_rate, told))) if told else "",
        "up": age((at - max(starts)).total_seconds()) if starts else "",
        "models loaded": ", ".join(f"{model} ({count:,})" for model, count in sorted(loaded.items())),
        "note": ", ".join(f"{count:,} {note}" for note, count in sorted(notes.items())),
    }


def _notes(worker: WorkerState) -> list[str]:
    killed = sum((worker.kills or {}).values())
    return [
        *(["draining"] if worker.draining else []),
        *(f"withdrawn: {queue}, {why}" for queue, why in worker.withdrawn.items()),
        *([f"slots died: {killed}"] if killed else []),
    ]


def _queue(queue: QueueWork, names: Sequence[str]) -> Row:
    return {
        "queue": queue.name,
        "images waiting": f"{queue.images_waiting:,}",
        "tasks": f"{queue.tasks_waiting:,}",
        "oldest": "" if queue.oldest_s is None else age(queue.oldest_s),
        "running": f"{queue.images_running:,}",
        "served by": f"nobody: {queue.nobody}" if queue.nobody is not None else _names(names, queue),
    }


def _names(names: Sequence[str], queue: QueueWork) -> str:
    """Who listens already; who could and will in a moment is counted."""
    if not names:
        return f"{counted(queue.workers, 'worker')}, in a moment"
    if len(names) <= _NAMES:
        return ", ".join(names)
    return f"{counted(queue.workers, 'worker')}, {counted(queue.slots, 'slot')}"


def _model(model: ModelWork) -> Row:
    fits = f"{counted(model.workers, 'worker')}, {counted(model.slots, 'slot')}"
    return {
        "model": model.ref,
        "images waiting": f"{model.images_waiting:,}",
        "running": f"{model.images_running:,}",
        "images/s": "" if model.images_per_s is None else speed(model.images_per_s),
        "queue": model.queue or "",
        "workers": f"nobody: {model.nobody}" if model.nobody is not None else fits,
    }


def _slots(workers: Sequence[WorkerState]) -> str:
    busy = [worker.slots_busy for worker in workers]
    known = None if None in busy else sum(filter(None, busy))
    return f"{_or_unknown(known)} of {sum(worker.capability.slots for worker in workers):,}"


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _rate(worker: WorkerState) -> float:
    return sum((worker.images_per_s or {}).values())


def _has_work(work: QueueWork | ModelWork) -> bool:
    return bool(work.tasks_waiting or work.tasks_running)


def _largest_first(workers: Sequence[WorkerState]) -> tuple[int, int]:
    return -workers[0].capability.memory_per_slot_bytes, -len(workers)
