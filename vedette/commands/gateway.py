"""`vedette gateway`: jobs, models and fleet over HTTP, in the foreground, until Ctrl-C."""

from typing import Final

import click

from contract.settings import load_settings
from vedette.errors import needs_extra
from vedette.session import Session

PORT: Final = 8080


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--insecure", is_flag=True, help="Listen where others can reach it although nobody needs a key.")
@click.pass_obj
def gateway(session: Session, host: str, port: int, insecure: bool) -> None:
    """Serve jobs, models and fleet over HTTP.

    It needs Redis and nothing else: images are named, not sent, and workers open them. /docs shows every request.
    """
    with needs_extra("gateway", "the gateway"):
        from producer.gateway.app import create_app
        from producer.gateway.serve import check_listening, server
    check_listening(host, guarded=False, insecure=insecure)
    overrides = {} if session.redis_url is None else {"redis_url": session.redis_url}
    server(create_app(load_settings(**overrides)), host, port).run()
