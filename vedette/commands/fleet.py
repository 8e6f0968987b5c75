"""`vedette fleet`: the workers that live now, and what they can do."""

from collections.abc import Sequence

import click
from rich.table import Table

from contract.memory import format_bytes
from contract.registry import Advert
from vedette.session import Session
from vedette.tables import print_table, table


@click.command()
@click.pass_obj
def fleet(session: Session) -> None:
    """List the workers that live now."""
    with session.client() as client:
        adverts = client.fleet()
    if not adverts:
        click.echo("no worker is alive: start one with `celery -A workers worker`")
        return
    print_table(fleet_table(adverts))


def fleet_table(adverts: Sequence[Advert]) -> Table:
    rows = table("worker", "CPU level", "memory per slot", "slots × threads", "queues")
    for advert in adverts:
        has = advert.capability
        rows.add_row(
            advert.node,
            has.cpu_level,
            format_bytes(has.memory_per_slot_bytes),
            f"{has.slots} × {has.threads}",
            " ".join(advert.queues) or "none yet",
        )
    return rows
