"""`vedette gateway`: jobs, models and fleet over HTTP, in the foreground, until Ctrl-C."""

from typing import Final

import click

from contract import tracing
from contract.logs import set_up
from contract.settings import load_settings
from vedette.errors import needs_extra
from vedette.session import Session

PORT: Final = 8080


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True)
@click.option("--insecure", is_flag=True, help="Let others ask, by any host name, although nobody needs a key.")
@click.option("--new-key", metavar="NAME", help="Print a new API key and the lines of the file that admit it, and end.")
@click.option(
    "--new-webhook-secret",
    metavar="HOST",
    help="Print a secret to sign webhooks with, and the lines of its file, and end.",
)
@click.pass_obj
def gateway(
    session: Session, host: str, port: int, insecure: bool, new_key: str | None, new_webhook_secret: str | None
) -> None:
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
        from producer.webhooks.secrets_file import new_secret, read_secrets
    if new_key is not None:
        key, lines = made(new_key)
        click.echo(
            f"the key, which is kept nowhere: {key}\n\nfor the file that VEDETTE_API_KEYS_FILE names:\n\n{lines}"
        )
        return
    if new_webhook_secret is not None:
        secret, lines = new_secret(new_webhook_secret)
        click.echo(f"for the receiver: {secret}\n\nfor the file that VEDETTE_WEBHOOK_SECRETS_FILE names:\n\n{lines}")
        return
    settings = load_settings(**({} if session.redis_url is None else {"redis_url": session.redis_url}))
    api_keys = () if settings.api_keys_file is None else KeyFile(settings.api_keys_file)
    check_listening(host, guarded=bool(api_keys), insecure=insecure)
    set_up(settings.log)
    secrets = () if settings.webhook_secrets_file is None else read_secrets(settings.webhook_secrets_file)
    if settings.webhook_hosts and not secrets:
        click.echo("webhooks are taken, and not delivered from here: VEDETTE_WEBHOOK_SECRETS_FILE is not set", err=True)
    app = create_app(settings, api_keys=api_keys, webhook_secrets=secrets, any_host=insecure)
    if tracing.set_up("vedette-gateway"):
        with needs_extra("otel", "traces"):
            from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz,readyz,metrics")
    server(app, host, port).run()
