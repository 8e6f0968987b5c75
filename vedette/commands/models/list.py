"""`vedette models list`, and `vedette models` alone: what can be asked for, and who could run it now."""

from collections.abc import Sequence

import click
from rich.table import Table

from contract.memory import tier_name
from contract.model_spec import ModelSpec
from contract.queues import queue_name
from contract.registry import Advert, serves
from vedette.session import Session
from vedette.tables import print_table, table


@click.command("list")
@click.pass_obj
def models_list(session: Session) -> None:
    """List the models that can be asked for."""
    with session.client() as client:
        specs, adverts = client.models(), client.fleet()
    if not specs:
        click.echo("no model is registered: has a worker ever been started?")
        return
    print_table(models_table(specs, adverts))


def models_table(specs: Sequence[ModelSpec], adverts: Sequence[Advert]) -> Table:
    rows = table("name", "version", "needs", "queue", "workers")
    for spec in specs:
        able = [advert.node for advert in adverts if serves(advert, spec.needs)]
        rows.add_row(spec.name, spec.version, _needs(spec), queue_name(spec.needs), ", ".join(able) or "none alive")
    return rows


def _needs(spec: ModelSpec) -> str:
    needs = spec.needs
    cpu = () if needs.cpu_level == "any" else (needs.cpu_level,)
    return ", ".join([tier_name(needs.memory_bytes), *cpu, *sorted(needs.cpu_features)])
