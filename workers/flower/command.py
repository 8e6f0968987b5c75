"""What `celery -A workers flower` does before Flower starts: our configuration file, and a look at its doors.

Celery adds preload options to every command, those of plug-ins like Flower too, and calls them back before the command
runs. Flower then reads its options from the environment, the file and the command line, and asks the application to
import its modules: the first moment at which they are all known, and nothing listens yet.
"""

import os
from pathlib import Path
from typing import Any, Final

import click
from celery.signals import import_modules

from contract.errors import SettingsError
from contract.settings import Settings, load_settings
from workers.flower.access import Doors, flaw_of

#: Beside the packages, in a checkout and where they are installed.
CONFIG: Final = Path(__file__).parents[2] / "monitoring" / "flowerconfig.py"
_NAME: Final = "flower"


def _prepare(context: click.Context, _option: click.Parameter, insecure: bool) -> None:
    if context.command.name != _NAME:
        if insecure:
            raise click.UsageError("--insecure is an option of `flower`")
        return
    os.environ.setdefault("FLOWER_CONF", str(CONFIG))

    def look(**_signal: Any) -> None:
        flaw = flaw_of(_doors(), insecure=insecure)
        if flaw is not None:  # SystemExit, because Celery wraps up every other exception of a receiver
            click.echo(f"error: {flaw}", err=True)
            raise SystemExit(2)

    import_modules.connect(look, weak=False)


def own_settings() -> Settings:
    """For the configuration file: a wrong variable is told as a command tells it, not as a stack trace."""
    try:
        return load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _doors() -> Doors:
    from tornado.options import options

    return Doors(
        address=options.address,
        unix_socket=options.unix_socket,
        basic_auth=tuple(options.basic_auth or ()),
        auth=options.auth or "",
        auth_provider=options.auth_provider or "",
    )


INSECURE: Final = click.Option(
    ["--insecure"],
    is_flag=True,
    expose_value=False,
    callback=_prepare,
    help="Of flower: listen where others can reach it although nobody needs a password.",
)
