"""Memory and speed of the exported models: python -m training.measure --store workers/bundled

Memory: a fresh process per model, batch and image size (training.footprint), and a plane fitted through what they
needed. Speed: one more process per model (training.speed); start it on an idle machine, memory does not mind company.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.memory_fit import Fit, Sample, fit
from training.names import MODELS, VERSION
from training.provenance import measured, read_json, shown, write_json

FILE_NAME = "measurement.json"
THREADS = 2
STAGES = ("imported", "loaded", "warm", "peak", "settled")


@dataclass(frozen=True)
class Load:
    """`batch` images of `width` x `height` pixels in one call."""

    batch: int
    width: int
    height: int

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6

    def __str__(self) -> str:
        return f"{self.batch:2d} x {self.megapixels:.1f} MP"


BATCHES = tuple(Load(batch, 1184, 848) for batch in (1, 4, 8, 16))
"""Of a plate of a megapixel."""

SIZES = (Load(16, 640, 480), Load(1, 1680, 1200), Load(1, 2368, 1696), Load(1, 3360, 2400), Load(4, 2368, 1696))
"""0.3 to 8 megapixels: what tells the cost of an image from the cost of its pixels."""


def measure(directory: Path) -> dict[str, Any]:
    """Everything model.toml says about memory and throughput, and what was measured on the way."""
    runs = {load: _run(directory, load) for load in (*BATCHES, *SIZES)}
    fitted = fit([Sample(load.batch, load.megapixels, int(run["peak_bytes"])) for load, run in runs.items()])
    images_per_s = _child("training.speed", directory)
    return {
        **_memory_table(fitted, warm_bytes=max(int(run["warm_bytes"]) for run in runs.values())),
        "images_per_s": images_per_s,
        "default_batch": int(max(images_per_s, key=images_per_s.__getitem__)),
        "runs": {str(load): run for load, run in runs.items()},
    }


def _memory_table(fitted: Fit, warm_bytes: int) -> dict[str, int]:
    return {**vars(fitted), "base_bytes": max(fitted.base_bytes, warm_bytes)}


def _run(directory: Path, load: Load) -> dict[str, float]:
    return _child("training.footprint", directory, batch=load.batch, width=load.width, height=load.height)


def _child(module: str, directory: Path, **numbers: int) -> dict[str, float]:
    """What `module` prints when it looks at the model in `directory`, in a process of its own."""
    arguments = [text for name, number in numbers.items() for text in (f"--{name}", str(number))]
    command = [sys.executable, "-m", module, "--model", str(directory), "--threads", str(THREADS), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    report: dict[str, float] = json.loads(done.stdout)
    return report


def _print(name: str, report: dict[str, Any]) -> None:
    mb = 1e6
    parts = ("base", "per_image", "per_megapixel")
    print(f"{name}: " + ", ".join(f"{part} {report[f'{part}_bytes'] / mb:.1f} MB" for part in parts))
    print(f"  images per second {report['images_per_s']}, best batch {report['default_batch']}")
    print(f"  {'':12}{'import':>8}{'load':>8}{'first':>8}{'call':>9}" + "".join(f"{stage:>10}" for stage in STAGES))
    for load, run in report["runs"].items():
        seconds = "".join(f"{run[f'{what}_s']:6.1f} s" for what in ("import", "load", "first_call"))
        memory = "".join(f"{run[f'{stage}_bytes'] / mb:7.0f} MB" for stage in STAGES)
        print(f"  {load:12}{seconds}{run['call_s'] * 1e3:6.0f} ms{memory}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--work", type=Path, help=f"also write {FILE_NAME} to this directory, for training.spec")
    options = parser.parse_args()
    models = {}
    for name in MODELS:
        models[name] = measure(options.store / name / VERSION)
        _print(name, models[name])
    if options.work:
        command = f"python -m training.measure --store {shown(options.store)}"
        write_json(options.work / FILE_NAME, {"models": models, "measured": measured(command)})


def read(work: Path) -> dict[str, Any]:
    """The report `main` left in `work`."""
    return read_json(work / FILE_NAME)


if __name__ == "__main__":
    main()
