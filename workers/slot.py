"""One slot: a child process with its TensorFlow runtime, its connection and its loaded models.

Opened once per process, right after the fork and before any task, because TensorFlow must not run an op in the main
process (a forked child of a process that ran one hangs) and takes seconds to import.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import celery
from celery.utils.log import get_logger

from contract.capability import Capability
from contract.connection import connect
from contract.ledger import Ledger
from contract.registry import Registry
from contract.settings import Settings, load_settings
from workers import startup
from workers.engine.models import LoadedModels
from workers.quiet import quiet_stderr
from workers.store import ModelStore

logger = get_logger(__name__)


@dataclass(frozen=True)
class Slot:
    settings: Settings
    capability: Capability
    ledger: Ledger
    registry: Registry
    models: LoadedModels


_slot: Slot | None = None


def open_slot(**_signal: Any) -> None:
    """Receiver of `worker_process_init`: imports TensorFlow and sets this process up for work."""
    global _slot
    settings = load_settings()
    capability = startup.capability_from(celery.current_app.conf)
    client = connect(settings)
    with quiet_stderr():  # TensorFlow greets each process with notes on CUDA and oneDNN, before it has a log level
        importlib.import_module("workers.engine.runtime").prepare(capability.threads)
    _slot = Slot(
        settings=settings,
        capability=capability,
        ledger=Ledger(client, settings),
        registry=Registry(client, settings),
        models=LoadedModels(ModelStore(settings), capability.memory_per_slot_bytes),
    )


def this_slot() -> Slot:
    if _slot is None:
        raise RuntimeError("no slot in this process: the detect task runs in children of `celery -A workers worker`")
    return _slot
