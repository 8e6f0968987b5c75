"""`vedette fleet`: the workers that live now, and what they can do."""

from collections.abc import Mapping, Sequence

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


def fleet_table(adverts: Sequence[Advert], tasks_done: Mapping[str, int] | None = None) -> Table:
    """One row per worker; with a last column where it is known what each has done."""
    columns = ["worker", "CPU level", "memory\nper slot", "slots ×\nthreads", "queues"]
    rows = table(*columns, *(["tasks\ndone"] if tasks_done is not None else []))
    for advert in adverts:
        has = advert.capability
        cells = [
            advert.node,
            has.cpu_level,
            format_bytes(has.memory_per_slot_bytes),
            f"{has.slots} × {has.threads}",
            _queues(advert),
        ]
        rows.add_row(*cells, *([str(tasks_done.get(advert.node, 0))] if tasks_done is not None else []))
    return rows


def _queues(advert: Advert) -> str:
    withdrawn = [f"withdrawn from {queue}: {why}" for queue, why in advert.withdrawn.items()]
    return "; ".join([" ".join(advert.queues) or "none yet", *withdrawn])
