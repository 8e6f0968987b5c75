"""`vedette models`: the models of the store, and what each needs. One subcommand per file."""

from typing import Final

import click

from vedette.lazy import LazyGroup

#: Subcommand to its one line of help; `<name>.py` beside this file defines `models_<name>`.
COMMANDS: Final = {
    "list": "List the models that can be asked for.",
    "add": "Add a model to the store, with measured numbers.",
    "show": "Show one model: memory and speed by batch, and who can run it.",
    "profile": "Measure memory and speed of a model on this machine.",
    "remove": "Remove one version of a model from the store.",
    "export": "Copy a model to TARGET: a new directory, or a .tar.gz file.",
}


@click.group(cls=LazyGroup, package=__name__, helps=COMMANDS, prefix="models_", invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List, add, measure and remove models; alone, it lists them."""
    if ctx.invoked_subcommand is None:
        listing = ctx.command.get_command(ctx, "list")  # type: ignore[attr-defined]  # a group
        ctx.invoke(listing)
