"""`vedette doctor`: can a worker run on this machine, and this model, and if not, why and what to do."""

import json
from importlib.metadata import PackageNotFoundError, version

import click

from contract.settings import load_settings
from vedette.doctor_page import print_page
from vedette.exits import NOT_ALL
from vedette.session import Session


@click.command()
@click.argument("model", required=False, metavar="[MODEL]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of a page.")
@click.pass_obj
def doctor(session: Session, model: str | None, as_json: bool) -> int:
    """Say whether a worker can run on this machine, and if not, why and what to do.

    With MODEL (`name` or `name@version`, of the model store) also whether that model would run here, in which batches
    and how fast: it is tried with a black image, in a process of its own.

    \b
    Exit codes:
      0  healthy; there may be notes and warnings
      1  not healthy: a worker, or the model, cannot run here
      2  wrong usage or settings, unknown model
    """
    from workers.doctor.examine import examine
    from workers.doctor.gather import gather

    settings = load_settings(**({} if session.redis_url is None else {"redis_url": session.redis_url}))
    report = examine(gather(settings, model, lambda text: click.echo(f"{text} …", err=True)))
    if as_json:
        click.echo(json.dumps({"vedette": _version(), **report.as_json()}, indent=2, ensure_ascii=False))
    else:
        print_page(report, model)
    return 0 if report.healthy else NOT_ALL


def _version() -> str | None:
    try:
        return version("vedette")
    except PackageNotFoundError:
        return None
