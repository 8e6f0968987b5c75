"""The Celery application: configuration, worker options, bootsteps. No I/O and no environment until Celery asks.

The settings that look odd each answer a measured fact of Celery 5.7 over Redis; docs/operations.md tells the stories.
"""

from typing import Any

import click
from celery import Celery
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    celeryd_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)

from contract.doorbell import DirectAMQP, celery_queue, shared_celery_config
from contract.errors import SettingsError
from contract.settings import load_settings
from workers import logs, slot, startup
from workers.flower.command import INSECURE
from workers.options import WORKER_OPTIONS
from workers.steps.advertise import Advertise
from workers.steps.alive import Alive
from workers.steps.reconcile import Reconcile
from workers.steps.submissions import TakeSubmissions
from workers.steps.undertake import Undertake


def celery_config() -> dict[str, Any]:
    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    shared = shared_celery_config(settings)
    return {
        **shared,
        # Kombu would write down in Redis what a slot is about to take, to give it back an hour after a worker's death.
        # The ledger rings again within seconds. What no slot has taken when a worker leaves goes back all the same.
        "broker_transport_options": {**shared["broker_transport_options"], "ack_emulation": False},
        "worker_pool": "prefork",
        "worker_consumer": "workers.consumer:Consumer",
        # A message is acknowledged when a slot takes it: from then on the ledger's lease answers for the task.
        "task_acks_late": False,
        # No message waits inside a busy worker while another one idles.
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_enable_prefetch_count_reduction": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # A Redis that is full refuses kombu's bookkeeping: a reason to connect anew, not to end.
        "broker_channel_error_retry": True,
        # A replacement child imports TensorFlow first; Celery's own 4 s would kill it for ever.
        "worker_proc_alive_timeout": 120.0,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "event_queue_expires": 60.0,
        "imports": ("workers.detect", "workers.warm"),
        # Real queues are joined and left by the Advertise step; Celery wants one to begin with. Nothing is sent there.
        "task_queues": (celery_queue("vedette.idle"),),
        "task_default_queue": "vedette.idle",
    }


def build_app() -> Celery:
    app = Celery("vedette", amqp=DirectAMQP)
    app.add_defaults(celery_config)
    for option in WORKER_OPTIONS:
        app.user_options["worker"].add(option)
    app.user_options["preload"].add(INSECURE)
    app.steps["consumer"].update({Advertise, Alive, Reconcile, TakeSubmissions, Undertake})
    return app


app = build_app()
after_setup_logger.connect(logs.dress_celerys, weak=False)
after_setup_task_logger.connect(logs.dress_celerys, weak=False)
celeryd_init.connect(startup.prepare_worker, weak=False)
worker_process_init.connect(slot.open_slot, weak=False)
worker_process_shutdown.connect(slot.close_slot, weak=False)
worker_shutting_down.connect(startup.begin_to_leave, weak=False)
worker_shutdown.connect(startup.end_as_it_went, weak=False)
