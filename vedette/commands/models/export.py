"""`vedette models export`: a copy of a model for another store, with what was measured of it."""

from pathlib import Path

import click

from contract.errors import ModelUnknown
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
        from vedette.own_store import own_spec
        from workers.store import ModelStore
    spec = own_spec(model)
    store = ModelStore(load_settings())
    if spec is None:
        there_is = ", ".join(each.ref for each in store.specs()) or "nothing"
        raise ModelUnknown(f"unknown model {model!r}: the store {store.root} has {there_is}")
    store.export(spec.ref, target)
    click.echo(f"{spec.ref} is copied to {target}")
