"""The options that say where results go and in which formats."""

from collections.abc import Callable
from typing import TypeVar

import click

from producer.exports import FORMATS
from vedette.place import DEFAULT

Command = TypeVar("Command", bound=Callable[..., int])


def output_options(command: Command) -> Command:
    """Gives the command `out` and `formats`."""
    out = click.option(
        "--out",
        metavar="DIR|FILE",
        help=f"Folder for the results, or a .jsonl, .json or .csv file, replaced if there; `-`: stdout.  "
        f"[default: {DEFAULT}/JOB]",
    )
    formats = click.option(
        "--format",
        "formats",
        type=click.Choice([*FORMATS]),
        multiple=True,
        default=["jsonl"],
        show_default=True,
        help="Of the results; may be given several times (docs/formats.md).",
    )
    return out(formats(command))
