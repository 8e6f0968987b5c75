"""One slot: a child process with its TensorFlow runtime, its connection, its loaded models and its guard.

Opened once per process, right after the fork and before any task, because TensorFlow must not run an op in the main
process (a forked child of a process that ran one hangs) and takes seconds to import.
"""

import importlib
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import celery
from celery.utils.log import get_logger

from contract import tracing
from contract.blobs import Blobs
from contract.capability import machine_class
from contract.connection import connect
from contract.engine_plan import engine_class
from contract.ledger import Ledger
from contract.settings import Settings, load_settings
from workers.closing import Office, office
from workers.engine.models import LoadedModels
from workers.findings import Findings, findings
from workers.images.decoders import Decoders
from workers.quiet import quiet_stderr
from workers.slot_memory import SlotMemory
from workers.store import ModelStore

logger = get_logger(__name__)

#: Of -1000 … 1000: whom the kernel kills first. The main process, which can tell the tale, has 0.
_OOM_SCORE: Final = "500"


@dataclass(frozen=True)
class Slot:
    settings: Settings
    office: Office
    #: Renewals have a connection that gives up soon: a lease must not run out while one call waits.
    lease_ledger: Ledger
    models: LoadedModels
    #: Uploaded images.
    blobs: Blobs
    memory: SlotMemory
    decoders: Decoders

    def leaving(self) -> bool:
        """Whether the worker is shutting down."""
        return findings().leaving


_slot: Slot | None = None


def open_slot(**_signal: Any) -> None:
    """Receiver of `worker_process_init`: imports TensorFlow and sets this process up for work."""
    global _slot
    settings = load_settings()
    found = findings()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    try:
        with quiet_stderr():  # TensorFlow greets each process with notes on CUDA and oneDNN, before it has a log level
            importlib.import_module("workers.engine.runtime").prepare(found.capability.threads)
        _slot = _make(settings, found)
        tracing.set_up("vedette-worker")
    except Exception:  # Celery would swallow it, and the slot would take doorbells that it cannot answer
        logger.critical("a slot could not be opened; the worker ends", exc_info=True)
        found.tell_slot_unopened()
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(1)


def close_slot(**_signal: Any) -> None:
    """Receiver of `worker_process_shutdown`."""
    tracing.flush()


def _make(settings: Settings, found: Findings) -> Slot:
    share_bytes = found.capability.memory_per_slot_bytes
    desk = office(celery.current_app, connect(settings), settings, found.capability)
    memory = SlotMemory(found.boxes, share_bytes, desk.learned, settings.task_timeout, machine_class(found.capability))
    return Slot(
        settings=settings,
        office=desk,
        lease_ledger=Ledger(connect(settings, patient=False), settings),
        models=LoadedModels(
            ModelStore(settings),
            share_bytes,
            memory.box.hold,
            machine=engine_class(found.capability),
            threads=found.capability.threads,
        ),
        blobs=Blobs(connect(settings, binary=True), settings),
        memory=memory,
        decoders=Decoders(found.capability.threads),
    )


def this_slot() -> Slot:
    if _slot is None:
        raise RuntimeError("no slot in this process: the detect task runs in children of `celery -A workers worker`")
    return _slot
