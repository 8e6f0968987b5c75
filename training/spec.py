"""Write model.toml beside each saved_model.pb: python -m training.spec --store workers/bundled --work DIR

Puts together what the other steps found out and left in DIR (training.json, accuracy.json, measurement.json). Run it
last: the digest covers the files as they are now.
"""

import argparse
from pathlib import Path

from contract.model_spec import FILE_NAME, ModelSpec
from training import evaluate, measure, training_report
from training.names import INPUT_NAME, LARGE, MODELS, SIGNATURE_KEY, SMALL, VERSION
from training.views import VIEW_PX
from vedette.plates import LABELS
from workers.store import directory_digest
from workers.store.spec_text import spec_toml

#: Image that a worker's memory must hold one of: the full frame of a common camera, where the size costs memory.
IMAGE_MEGAPIXELS = {SMALL: 1.0, LARGE: 24.0}

DESCRIPTIONS = {
    SMALL: "Scratches, dents, holes and stains on metal plates, seen at 320 px: quick, misses fine scratches and dents",
    LARGE: "Scratches, dents, holes and stains on metal plates at full resolution: thorough, costs by the megapixel",
}


def model_toml(name: str, version_directory: Path, work: Path) -> str:
    """The text of model.toml for the export `name`."""
    accuracy, measurement = evaluate.read(work), measure.read(work)
    judged, needed = accuracy["models"][name], measurement["models"][name]
    return spec_toml(ModelSpec.model_validate({
        "schema": 1, "name": name, "version": VERSION, "digest": directory_digest(version_directory),
        "description": DESCRIPTIONS[name], "license": "MIT",
        "source": "rendered and trained by training/ of this repository",
        "labels": {str(class_id): label for class_id, label in LABELS.items()},
        "signature": {
            "key": SIGNATURE_KEY, "input": INPUT_NAME, "input_dtype": "uint8", "batch": "dynamic",
            "resizes_to_px": VIEW_PX if name == SMALL else 0,
        },
        "requirement": {"cpu": "any", "features": [], "image_megapixels": IMAGE_MEGAPIXELS[name]},
        "memory": needed["memory"], "throughput": needed["throughput"], "profile": needed["profile"],
        "accuracy": {
            "metric": "mAP@0.5", "value": round(judged["value"], 4),
            "per_class": {label: round(value, 4) for label, value in judged["per_class"].items()},
            "plates": accuracy["plates"], "seed": accuracy["seed"], "measured": accuracy["measured"],
            "train_command": training_report.read(work)["measured"]["command"],
        },
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where the other steps left their reports")
    options = parser.parse_args()
    for name in MODELS:
        directory = options.store / name / VERSION
        (directory / FILE_NAME).write_text(model_toml(name, directory, options.work))
        print(f"wrote {directory / FILE_NAME}")


if __name__ == "__main__":
    main()
