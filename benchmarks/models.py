"""A model store for benchmarks: the bundled detectors, and an SSD-MobileNetV2-320 of random weights."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from contract.memory import MIB
from contract.model_spec import Memory, ModelSpec, Throughput
from contract.settings import load_settings
from training.names import LARGE, SMALL, VERSION
from workers.store import ModelStore, directory_digest

SSD: Final = "ssd-mobilenet-v2-320"
MODELS: Final = (SSD, SMALL, LARGE)
_BUNDLED: Final = Path(__file__).parents[1] / "workers" / "bundled"


def make_store(root: Path, name: str) -> Path:
    """A store that has the model `name`, and the directory of its SavedModel."""
    if name in (SMALL, LARGE):
        shutil.copytree(_BUNDLED / name, root / name)
        return root / name / VERSION
    if name != SSD:
        raise ValueError(f"model {name!r}: expected one of {', '.join(MODELS)}")
    staging = root.with_name(f"{root.name}-staging")
    # In a process of its own: what TensorFlow has threads and memory for, the benchmark's own process need not have.
    export = "import sys, pathlib; from benchmarks.ssd import save; save(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", export, str(staging)], check=True, capture_output=True, text=True)
    root.mkdir(parents=True)
    ModelStore(load_settings(model_store=str(root))).register(staging, _ssd_spec(staging))
    return root / SSD / VERSION


def _ssd_spec(directory: Path) -> ModelSpec:
    return ModelSpec(
        schema=1,
        name=SSD,
        version=VERSION,
        digest=directory_digest(directory),
        labels={str(class_id): f"class {class_id}" for class_id in range(1, 91)},
        signature={
            "key": "serving_default",
            "input": "input_tensor",
            "input_dtype": "uint8",
            "batch": "dynamic",
            "resizes_to_px": 320,
        },
        # Roomy, and not a profile: memory is not what is measured here.
        memory=Memory(base_bytes=450 * MIB, per_image_bytes=30 * MIB, per_megapixel_bytes=14 * MIB),
        throughput=Throughput(default_batch=8),
    )
