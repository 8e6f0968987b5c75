"""`vedette models export`: a copy of a model for another store, with what was measured of it."""

from pathlib import Path

import click

from contract.settings import load_settings
from vedette.errors import needs_extra


@click.command("export")
@click.argument("model")
@click.argument("target", type=click.Path(path_type=Path))
def models_export(model: str, target: Path) -> None:
    """Copy a model to TARGET: a new directory, or a .tar.gz file.

    MODEL is `name`, for its latest version, or `name@version`. The copy has its model.toml: `vedette models add` takes
    the SavedModel of it, and a store takes the directory as it is.
    """
    with needs_extra("worker", "vedette models export"):
        from vedette.own_store import spec_in_store
        from workers.store import ModelStore
    spec = spec_in_store(model)
    store = ModelStore(load_settings())
    store.export(spec.ref, target)
    click.echo(f"{spec.ref} is copied to {target}")
