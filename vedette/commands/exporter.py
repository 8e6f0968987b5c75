"""`vedette exporter`: the fleet's metrics for Prometheus, in the foreground, until it is told to end."""

import signal
import threading
from typing import Any, Final

import click

from contract.settings import load_settings
from vedette.errors import needs_extra
from vedette.session import Session

PORT: Final = 9755


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one.")
@click.pass_obj
def exporter(session: Session, host: str, port: int) -> None:
    """Tell Prometheus of queues, models and workers.

    It needs Redis and nothing else, and one is enough for a fleet. Who reaches it reads names of models, queues and
    workers, and can change nothing.
    """
    with needs_extra("gateway", "the exporter"):
        from producer.metrics.exporter import exporter as listening
    settings = load_settings(**({} if session.redis_url is None else {"redis_url": session.redis_url}))
    ended = threading.Event()

    def end(*_signal: Any) -> None:
        ended.set()

    # As the first process of a container, it would not hear of it otherwise.
    before = signal.signal(signal.SIGTERM, end)
    try:
        with listening(settings, host, port) as bound:
            click.echo(f"metrics at http://{host}:{bound}/metrics")
            ended.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
