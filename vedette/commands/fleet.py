"""`vedette fleet`: who is there, what waits, who serves it; on a terminal, live. And what it takes to be in time."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import click
from pydantic import BaseModel
from rich.console import Console, RenderableType

from vedette.fleet import deadline
from vedette.fleet.live import Watch, watch
from vedette.fleet.look import looking
from vedette.fleet.page import FleetPage
from vedette.fleet.plan_page import PlanPage
from vedette.session import Session
from vedette.tables import show

#: Where there is no terminal: wide enough that nothing is left out.
_WIDTH: Final = 200
_USUAL: Final = timedelta(hours=1)


def _duration(read: Callable[[str], timedelta]) -> Callable[[click.Context, click.Parameter, Any], timedelta | None]:
    def convert(ctx: click.Context, param: click.Parameter, given: str | None) -> timedelta | None:
        try:
            return None if given is None else read(given)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return convert


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
@click.option("--plan", is_flag=True, help="How many workers of which class finish what waits and runs by a deadline.")
@click.option(
    "--within",
    metavar="TIME",
    callback=_duration(deadline.within),
    help="The plan's deadline from now: 2h, 90m, 1h30m.  [default: 1h]",
)
@click.option(
    "--by",
    metavar="TIME",
    callback=_duration(lambda text: deadline.until(text, datetime.now().astimezone())),
    help="The plan's deadline, by this machine's clock: 18:00, 2026-11-25T06:00.",
)
@click.option("--model", metavar="MODEL", help="The plan is for this model; others go on beside it.")
@click.pass_obj
def fleet(
    session: Session,
    once: bool,
    as_json: bool,
    each: bool,
    every_s: float,
    plan: bool,
    within: timedelta | None,
    by: timedelta | None,
    model: str | None,
) -> None:
    """Watch workers, queues and models: who is busy, what waits, who serves it, or why nobody does.

    On a terminal it goes on until Ctrl-C, also while Redis is away. Once, it exits with 2 when Redis is away.
    """
    if not plan and (within or by or model):
        raise click.UsageError("--within, --by and --model belong to --plan")
    if within and by:
        raise click.UsageError("--within and --by are two deadlines: give one")
    live = sys.stdout.isatty() and not (once or as_json or plan)
    with looking(session, patient=not live) as look:
        if live:
            watch(Watch(look.view, each=each), Console(highlight=False), every_s)
        elif plan:
            told = look.plan(within or by or _USUAL, model)
            _show(told, PlanPage(told), as_json)
        else:
            view = look.view()
            _show(view, FleetPage(view, each=each), as_json)


def _show(told: BaseModel, page: RenderableType, as_json: bool) -> None:
    if as_json:
        click.echo(told.model_dump_json(indent=2))
        return
    show(page, _WIDTH)
