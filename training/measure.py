"""Memory and speed of the exported models: python -m training.measure --store workers/bundled --work DIR

As `vedette` profiles any model, thoroughly (workers.profile); start it on an idle machine, for the speeds.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.model_spec import Memory, ModelSpec
from training.names import INPUT_NAME, MODELS, SIGNATURE_KEY, VERSION
from training.provenance import read_json, shown, write_json
from vedette.plates import LABELS
from workers.profile import THOROUGH, Profile, profile
from workers.store import directory_digest

FILE_NAME = "measurement.json"
THREADS = 2


def unmeasured(name: str, directory: Path) -> ModelSpec:
    """What is known of an export before it has a model.toml: enough to call it."""
    return ModelSpec(
        schema=1,
        name=name,
        version=VERSION,
        digest=directory_digest(directory),
        labels={str(class_id): label for class_id, label in LABELS.items()},
        signature={"key": SIGNATURE_KEY, "input": INPUT_NAME},
        memory=Memory(base_bytes=1, per_image_bytes=0),
    )


def as_tables(found: Profile) -> dict[str, Any]:
    """The tables of model.toml that a profile fills."""
    return {
        "memory": found.memory.model_dump(),
        "throughput": found.throughput.model_dump(),
        "profile": [point.model_dump() for point in found.points],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--work", type=Path, help=f"also write {FILE_NAME} to this directory, for training.spec")
    options = parser.parse_args()
    models = {}
    for name in MODELS:
        directory = options.store / name / VERSION
        found = profile(
            directory,
            unmeasured(name, directory),
            threads=THREADS,
            # An engine plan is of one kind of machine, and the bundled models go to all of them.
            effort=replace(THOROUGH, ways=None),
            command=f"python -m training.measure --store {shown(options.store)}",
            on_progress=lambda _step, outcome: outcome and print(f"  {outcome}", flush=True),
        )
        print(f"{name}: {found.memory}\n  images per second {found.throughput.images_per_s}")
        for check in found.checks:
            print(f"  {check.load}: {check.error:+.1%} of what was measured")
        models[name] = as_tables(found)
    if options.work:
        write_json(options.work / FILE_NAME, {"models": models})


def read(work: Path) -> dict[str, Any]:
    """The report `main` left in `work`."""
    return read_json(work / FILE_NAME)


if __name__ == "__main__":
    main()
