"""What happens before a worker listens: measure, prove, plan. Fails with a plain diagnosis, or not at all. And how it
ends.
"""

import os
import sys
from typing import Any

from celery.concurrency import get_implementation
from celery.concurrency.prefork import TaskPool

from contract import tracing
from contract.errors import SettingsError, VedetteError
from contract.settings import Settings, load_settings
from workers import findings
from workers.hardware.files import read_machine
from workers.hardware.plan import Caps
from workers.hardware.probe import measure, warnings
from workers.options import caps_from
from workers.preflight import run_preflight
from workers.store import ModelStore
from workers.transport import transport_for


def prepare_worker(conf: Any, options: dict[str, Any], **_signal: Any) -> None:
    """Receiver of `celeryd_init`. SystemExit, because Celery swallows every other exception of a receiver."""
    try:
        _refuse_what_cannot_work(options)
        settings = load_settings()
        tracing.check()
        ModelStore(settings)  # says so if its protocol needs a package that is missing
        files = read_machine()
        capability = measure(files, caps_from(options))
        for warning in [*warnings(files, capability), *_closed(settings)]:
            print(f"warning: {warning}", file=sys.stderr)
        versions = dict(run_preflight(measure(files, Caps()), settings.preflight_timeout))
    except VedetteError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from None
    os.environ.update(thread_environment(capability.threads))
    conf.worker_concurrency = options["concurrency"] = capability.slots
    # Not in the application's configuration: Flower looks at the broker's URL, and has no page for one of ours.
    conf.broker_transport = transport_for(settings)
    findings.keep(capability, versions)


def begin_to_leave(**_signal: Any) -> None:
    """Receiver of `worker_shutting_down`: slots hand back what they have not done yet, after the batch they are at."""
    findings.findings().leave()


def end_as_it_went(sender: Any, **_signal: Any) -> None:
    """Receiver of `worker_shutdown`: a supervisor that restarts what failed has to see it. To Celery all went well."""
    if findings.findings().slot_unopened:
        sender.exitcode = 1


def thread_environment(threads: int) -> dict[str, str]:
    """Variables that TensorFlow, oneDNN and OpenCV read when they are imported; too late afterwards."""
    return {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def _closed(settings: Settings) -> list[str]:
    """Paths are what most jobs name, and each of them would fail here."""
    if settings.image_roots:
        return []
    return [
        "no directory is open for images: a path in a job fails with image_forbidden, only addresses and uploads are "
        "read. Name directories in VEDETTE_IMAGE_ROOTS, such as /images:/archive."
    ]


def _refuse_what_cannot_work(options: dict[str, Any]) -> None:
    if not issubclass(get_implementation(options.get("pool") or "prefork"), TaskPool):
        raise SettingsError("--pool: Vedette needs prefork, whose processes a memory failure can end one by one")
    if options.get("autoscale"):
        raise SettingsError("--autoscale: each slot holds a model; start another worker instead, or use --slots")
    if options.get("queues"):
        raise SettingsError("-Q/--queues: queues follow from what was measured; use --memory or --cpu to serve fewer")
