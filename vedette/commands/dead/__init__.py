"""`vedette dead`: images that failed for another reason than their file. One subcommand per file."""

from typing import Final

import click

from vedette.lazy import LazyGroup

#: Subcommand to its one line of help; `<name>.py` beside this file defines `dead_<name>`.
COMMANDS: Final = {
    "list": "List a job's dead letters.",
    "show": "Show one image, with every attempt at its task.",
    "retry": "Put images back into their job.",
    "drop": "Forget dead letters; their failures stay in the results.",
}


@click.group(cls=LazyGroup, package=__name__, helps=COMMANDS, prefix="dead_")
def dead() -> None:
    """Images that failed through no fault of their own: look, retry, drop.

    A dead letter is an image that failed for memory, or because its process crashed, vanished, or took too long, or
    because the model failed on it. Under better circumstances, such as a larger worker, it may succeed. An image whose
    file is at fault is none.
    """
