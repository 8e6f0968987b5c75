"""How good the exported models are: python -m training.evaluate --store workers/bundled --plates 200 --seed 0

Judges what is shipped, through its signature, on plates whose seeds training never used.
"""

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from training.average_precision import average_precision
from training.names import MODELS
from training.plates import held_out, plate_of_any_size
from training.provenance import read_json, shown, write_json
from training.served import Served
from vedette.plates import LABELS, Plate
from workers.profile.provenance import measured

FILE_NAME = "accuracy.json"


def evaluate(store: Path, name: str, plates: list[Plate]) -> dict[str, float]:
    """Label -> AP@0.5 of the model `name`, one plate per call, as plates differ in size."""
    model = Served(store, name)
    answers = [model.detect(np.ascontiguousarray(plate.image[None, ..., ::-1])) for plate in plates]
    return average_precision(plates, answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--plates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="which held-out plates, 0..999")
    parser.add_argument("--work", type=Path, help=f"also write {FILE_NAME} to this directory, for training.spec")
    options = parser.parse_args()

    cv2.setNumThreads(1)
    plates = [plate_of_any_size(seed) for seed in held_out(options.seed, options.plates)]
    counts = np.bincount(np.concatenate([plate.class_ids for plate in plates]), minlength=len(LABELS) + 1)
    print(f"{len(plates)} plates: " + ", ".join(f"{counts[i]} {name}" for i, name in LABELS.items()))
    print(f"{'model':16}{'mAP@0.5':>9}" + "".join(f"{name:>9}" for name in LABELS.values()))
    models = {}
    for name in MODELS:
        per_class = evaluate(options.store, name, plates)
        models[name] = {"value": float(np.mean(list(per_class.values()))), "per_class": per_class}
        print(f"{name:16}{models[name]['value']:9.3f}" + "".join(f"{v:9.3f}" for v in per_class.values()), flush=True)
    if options.work:
        command = f"python -m training.evaluate --store {shown(options.store)}"
        command += f" --plates {options.plates} --seed {options.seed}"
        report = {"plates": options.plates, "seed": options.seed, "models": models, "measured": measured(command)}
        write_json(options.work / FILE_NAME, report)


def read(work: Path) -> dict[str, Any]:
    """The report `main` left in `work`."""
    return read_json(work / FILE_NAME)


if __name__ == "__main__":
    main()
