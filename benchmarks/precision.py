"""What a frozen graph and bfloat16 change in what is found: python -m benchmarks.precision --plates 200

Plates that no model was trained on, through the bundled models as they were exported and in the other ways that a slot
runs them: mAP@0.5, and how many detections have no partner in the other way's (`workers.profile.ways.alike`). A frozen
graph is what `exact` jobs get.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.claims import Claim, write_claims
from benchmarks.turns import machine
from contract.engine_plan import PLAIN, EnginePlan, computes_bf16
from contract.model_spec import FILE_NAME, read_spec
from training.average_precision import average_precision
from training.names import MODELS, VERSION
from training.plates import held_out, plate_of_any_size
from vedette.plates import Plate
from workers.profile.provenance import slot_here
from workers.profile.ways.alike import ALONE_MAX, alone

if TYPE_CHECKING:
    from workers.engine.saved_model import RawDetections, SavedModel

FROZEN, BF16 = EnginePlan(frozen=True), EnginePlan(frozen=True, bf16=True)
POINTS_MAX = 0.5


def found(model: "SavedModel", plates: Sequence[Plate]) -> tuple[list["RawDetections"], float]:
    """What each plate has, and mAP@0.5 in percent."""
    from workers.engine.readers import reader_for

    reader = reader_for(model.spec.outputs)
    answers = [model.fetch(np.ascontiguousarray(plate.image[None, ..., ::-1])) for plate in plates]
    precision = mean(average_precision(list(plates), [dict(tensors) for tensors, _ in answers]).values())
    return [reader.read(*answer)[0] for answer in answers], 100 * precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plates", type=int, default=200)
    parser.add_argument("--store", type=Path, default=Path("workers/bundled"))
    parser.add_argument("--claims", type=Path, help="also write the ratios to this file")
    given = parser.parse_args()
    from workers.engine.runtime import prepare

    prepare(1)
    from workers.engine.saved_model import SavedModel

    plates = [plate_of_any_size(seed) for seed in held_out(0, given.plates)]
    ways = {"exported": PLAIN, "frozen": FROZEN, **({"bfloat16": BF16} if computes_bf16(slot_here(1)) else {})}
    print(f"{len(plates)} plates, on {machine()}{'' if len(ways) > 2 else ', which does not compute in bfloat16'}")
    print(f"{'':16}{'':10}{'mAP@0.5':>9}{'detections':>12}{'alone':>8}")
    claims = []
    for name in MODELS:
        directory = given.store / name / VERSION
        exported: list[RawDetections] = []
        of_exported = 0.0
        for way, plan in ways.items():
            its, precision = found(SavedModel(directory, read_spec(directory / FILE_NAME), plan), plates)
            if plan == PLAIN:
                exported, of_exported = its, precision
            without, count = alone(exported, its)
            print(f"{name:16}{way:10}{precision:8.2f}%{count:12}{len(without):8}", flush=True)
            if plan != PLAIN:
                about = f"{name}, {way}"
                claims += [
                    Claim(f"{about}: mAP@0.5 off by", abs(precision - of_exported), at_most=POINTS_MAX, unit="points"),
                    Claim(f"{about}: detections alone", 100 * len(without) / count, at_most=100 * ALONE_MAX, unit="%"),
                ]
    write_claims(given.claims, claims)


if __name__ == "__main__":
    main()
