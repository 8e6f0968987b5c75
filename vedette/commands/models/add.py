"""`vedette models add`: from a directory, archive, address or name of the zoo to a model that the fleet can route."""

import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from contract.errors import SettingsError
from contract.settings import load_settings
from vedette.amount import Amount
from vedette.effort import effort_option
from vedette.engine_line import engine_line
from vedette.errors import SpecFileInvalid, needs_extra
from vedette.profile_table import profile_caption, profile_table
from vedette.tables import print_table


@click.command("add")
@click.argument("source")
@click.option("--name", required=True, help="Name of the model: a-z, 0-9, _ and -.")
@click.option("--version", help="Its version; the next whole number when left out.")
@click.option("--labels", metavar="FILE", help="pbtxt, txt, json or yaml; or coco-90, coco-80.")
@click.option("--spec", "spec_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="TOML with [signature] and [outputs], for what is not recognised.")  # fmt: skip
@click.option("--inside", metavar="DIR", help="Which of several SavedModels in the source.")
@click.option("--megapixels", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
              help="Size of image that a slot must have room for.")  # fmt: skip
@click.option("--memory", type=Amount(), metavar="SIZE", help="No process that tries the model takes more (4g).")
@effort_option
@click.option("--description", default="", help="One line for people.")
@click.option("--license", "license_", default="", help="Of the model; known for models of the zoo.")
@click.option("--zoo", metavar="URL", envvar="VEDETTE_ZOO_URL", help="A copy of the TensorFlow 2 model zoo.")
def models_add(
    source: str,
    name: str,
    version: str | None,
    labels: str | None,
    spec_file: Path | None,
    inside: str | None,
    megapixels: float,
    memory: int | None,
    effort: str,
    description: str,
    license_: str,
    zoo: str | None,
) -> None:
    """Add a model to the store, with measured numbers.

    SOURCE is a directory with a SavedModel, a .tar.gz or .zip file, the URL of one, or the name of a model of the
    TensorFlow 2 Detection Model Zoo. It is fetched, looked at, tried, measured, and then put into the store that
    VEDETTE_MODEL_STORE names. Workers of that store offer it within a minute.
    """
    with needs_extra("worker", "vedette models add"):
        from vedette.adding import Narration, slot_threads
        from workers.adding import Wanted, add_model
        from workers.profile import EFFORTS
        from workers.store import ModelStore
        from workers.store.cache import downloads_directory

    settings = load_settings()
    if settings.model_store is None:
        raise SettingsError(
            "VEDETTE_MODEL_STORE is not set, and the bundled models are part of the installation. Name a directory for "
            'models of your own, for the workers too: export VEDETTE_MODEL_STORE="$HOME/vedette-models"'
        )
    wanted = Wanted(
        source=source,
        name=name,
        version=version,
        labels=labels,
        inside=inside,
        override={} if spec_file is None else _override(spec_file),
        megapixels=megapixels,
        description=description,
        license=license_,
        zoo_base=zoo,
    )
    command = "vedette " + shlex.join(sys.argv[1:])
    with Narration() as narration:
        added = add_model(
            ModelStore(settings),
            wanted,
            downloads=downloads_directory(),
            threads=slot_threads(),
            budget_bytes=memory,
            effort=EFFORTS[effort],
            tell=narration.tell,
            command=command,
        )
    for note in added.look.notes:
        click.echo(f"note: {note}")
    click.echo()
    print_table(profile_table(added.spec))
    click.echo(profile_caption(added.spec))
    if added.profile.engine is not None:
        click.echo(engine_line(added.profile.engine))
    click.echo(f"\n{added.spec.ref} is in the store; try it: vedette detect IMAGES --model {added.spec.name}")


def _override(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecFileInvalid(f"{path}: not valid TOML: {error}") from None
    unknown = sorted(set(tables) - {"signature", "outputs", "first_class"})
    if unknown:
        raise SpecFileInvalid(
            f"{path}: {', '.join(unknown)}: expected the tables [signature] and [outputs], and first_class"
        )
    return tables
