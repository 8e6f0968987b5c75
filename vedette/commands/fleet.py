"""`vedette fleet`: who is there, what waits and who serves it; on a terminal, live."""

import sys

import click
from rich.console import Console

from producer.fleet import view_of
from vedette.fleet.live import Watch, watch
from vedette.fleet.look import looking
from vedette.fleet.page import FleetPage
from vedette.session import Session

#: Where there is no terminal: wide enough that nothing is left out.
_WIDTH = 200


@click.command()
@click.option("--once", is_flag=True, help="Show it once; without a terminal, that is so anyway.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, as GET /v1/fleet gives it.")
@click.option("--each", is_flag=True, help="A row for each worker, also of more than 20; else for each class of them.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.5, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.pass_obj
def fleet(session: Session, once: bool, as_json: bool, each: bool, every_s: float) -> None:
    """Watch workers, queues and models: who is busy, what waits, who serves it, or why nobody does.

    On a terminal it goes on until Ctrl-C, also while Redis is away. Once, it exits with 2 when Redis is away.
    """
    live = sys.stdout.isatty() and not (once or as_json)
    with looking(session, patient=not live) as look:
        if live:
            watch(Watch(lambda: view_of(look()), each=each), Console(highlight=False), every_s)
        elif as_json:
            click.echo(view_of(look()).model_dump_json(indent=2))
        else:
            print_once(FleetPage(view_of(look()), each=each))


def print_once(page: FleetPage) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    with console.capture() as drawn:
        console.print(page)
    for line in drawn.get().splitlines():  # rich fills the cells of a table with blanks
        click.echo(line.rstrip())
