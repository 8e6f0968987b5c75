"""`vedette gateway`: jobs, models and fleet over HTTP, in the foreground, until Ctrl-C."""

from typing import Final

import click

from contract.logs import set_up
from contract.settings import load_settings
from vedette.errors import needs_extra
from vedette.session import Session

PORT: Final = 8080


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--insecure", is_flag=True, help="Listen where others can reach it although nobody needs a key.")
@click.option("--new-key", metavar="NAME", help="Print a new API key and the lines of the file that admit it, and end.")
@click.pass_obj
def gateway(session: Session, host: str, port: int, insecure: bool, new_key: str | None) -> None:
    """Serve jobs, models and fleet over HTTP.

    It needs Redis and nothing else: workers open the images, which are named, or sent and kept in Redis. /docs shows
    every request.
    VEDETTE_API_KEYS_FILE says who may ask; it is read again when it changes.
    """
    with needs_extra("gateway", "the gateway"):
        from producer.gateway.api_keys import new_key as made
        from producer.gateway.app import create_app
        from producer.gateway.key_file import KeyFile
        from producer.gateway.serve import check_listening, server
    if new_key is not None:
        key, lines = made(new_key)
        click.echo(
            f"the key, which is kept nowhere: {key}\n\nfor the file that VEDETTE_API_KEYS_FILE names:\n\n{lines}"
        )
        return
    settings = load_settings(**({} if session.redis_url is None else {"redis_url": session.redis_url}))
    api_keys = () if settings.api_keys_file is None else KeyFile(settings.api_keys_file)
    check_listening(host, guarded=bool(api_keys), insecure=insecure)
    set_up(settings.log)
    server(create_app(settings, api_keys=api_keys), host, port).run()
