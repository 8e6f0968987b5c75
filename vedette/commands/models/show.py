"""`vedette models show`: one model, what was measured of it, and which live workers can run it at which batch."""

import click

from contract.errors import ModelUnknown, RedisUnreachable
from contract.model_spec import ModelSpec
from contract.plan_words import plan_line
from contract.queues import queue_name
from contract.registry import Advert
from vedette.model_lines import described_io, shown_labels
from vedette.own_store import own_spec
from vedette.profile_table import fleet_lines, profile_caption, profile_table
from vedette.session import Session
from vedette.tables import print_table


@click.command("show")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="The spec as one JSON document.")
@click.pass_obj
def models_show(session: Session, model: str, as_json: bool) -> None:
    """Show one model: memory and speed by batch, and who can run it.

    MODEL is `name`, for its latest version, or `name@version`; of the registry, else of the store on this machine.
    """
    spec, adverts = _find(session, model)
    if as_json:
        click.echo(spec.model_dump_json(by_alias=True, indent=2))
        return
    for name, text in spec_lines(spec):
        if text:
            click.echo(f"{name:<13}{text}")
    click.echo()
    print_table(profile_table(spec))
    click.echo(profile_caption(spec))
    click.echo()
    if adverts is None:
        click.echo("no Redis is reachable here, so nothing is known of workers")
    elif not adverts:
        click.echo("no worker is alive")
    for line in fleet_lines(spec, adverts or ()):
        click.echo(line)


def spec_lines(spec: ModelSpec) -> list[tuple[str, str]]:
    """(what, value) for people."""
    return [
        ("model", spec.ref),
        ("description", spec.description),
        ("needs", queue_name(spec.needs)),
        ("form", spec.form),
        ("input", described_io(spec.signature)),
        ("outputs", spec.outputs.kind),
        ("labels", shown_labels(spec.labels)),
        *(("engine" if number == 0 else "", plan_line(plan)) for number, plan in enumerate(spec.engine)),
        ("license", spec.license),
        ("source", spec.source),
        ("digest", spec.digest),
    ]


def _find(session: Session, model: str) -> tuple[ModelSpec, list[Advert] | None]:
    """From the registry, with the live workers; else from the store of this machine, with None for them."""
    try:
        with session.client() as client:
            adverts = list(client.fleet())
            try:
                return client.model(model), adverts
            except ModelUnknown:
                spec = own_spec(model)
                if spec is None:
                    raise
                return spec, adverts
    except RedisUnreachable:
        spec = own_spec(model)
        if spec is None:
            raise
        return spec, None
