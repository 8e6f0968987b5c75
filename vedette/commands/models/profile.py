"""`vedette models profile`: measure a model of the store anew, on this machine."""

import shlex
import sys

import click

from contract.settings import load_settings
from vedette.amount import Amount
from vedette.effort import effort_option
from vedette.engine_line import engine_line
from vedette.errors import needs_extra
from vedette.profile_table import profile_caption, profile_table
from vedette.tables import print_table


@click.command("profile")
@click.argument("model")
@click.option("--memory", type=Amount(), metavar="SIZE", help="No process that runs the model takes more (4g).")
@click.option("--threads", type=click.IntRange(min=1), help="Of a slot; as a worker here would have them.")
@effort_option
@click.option("--dry-run", is_flag=True, help="Measure and show, and leave model.toml as it is.")
def models_profile(model: str, memory: int | None, threads: int | None, effort: str, dry_run: bool) -> None:
    """Measure memory and speed of a model on this machine.

    MODEL is `name`, for its latest version, or `name@version`, of the store. What was measured replaces what its
    model.toml says of memory and throughput, and of how the model is run on machines like this one; workers of that
    store publish it within a minute.
    """
    with needs_extra("worker", "vedette models profile"):
        from vedette.adding import Narration, slot_threads
        from vedette.own_store import spec_in_store
        from workers.adding.add import tell_load, tell_way
        from workers.profile import EFFORTS, profile, with_profile
        from workers.store import ModelStore
    store = ModelStore(load_settings())
    spec = spec_in_store(model)
    if not dry_run:
        store.check_writable()
    _, directory = store.find(spec.ref, spec.digest)
    with Narration() as narration:
        found = profile(
            directory,
            spec,
            threads=threads or slot_threads(),
            budget_bytes=memory,
            effort=EFFORTS[effort],
            on_progress=lambda step, outcome: tell_load(narration.tell, step, outcome),
            on_plan=lambda way, timed: tell_way(narration.tell, way, timed),
            command="vedette " + shlex.join(sys.argv[1:]),
        )
    measured = with_profile(spec, found)
    if not dry_run:
        store.rewrite(measured)
    click.echo()
    print_table(profile_table(measured))
    click.echo(profile_caption(measured))
    if found.engine is not None:
        click.echo(engine_line(found.engine))
    if found.threads != (threads or slot_threads()):
        click.echo(f"{found.threads} threads are as fast: a worker with --threads {found.threads} can have more slots")
