"""A model store for benchmarks: the bundled detectors, and an SSD-MobileNetV2-320 of random weights."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contract.engine_plan import EnginePlan
from contract.memory import MIB
from contract.model_spec import FILE_NAME, Memory, ModelSpec, Throughput, read_spec
from contract.settings import load_settings
from training.names import LARGE, SMALL, VERSION
from workers.store import ModelStore, directory_digest

SSD: Final = "ssd-mobilenet-v2-320"
MODELS: Final = (SSD, SMALL, LARGE)
#: A quick profile takes a minute or two.
PROFILE_S: Final = 900
_ROOT: Final = Path(__file__).parents[1]
_BUNDLED: Final = _ROOT / "workers" / "bundled"


def make_store(root: Path, name: str, *, profile: bool = False, threads: Sequence[int] = ()) -> Path:
    """A store that has the model `name`, and the directory of its SavedModel.

    With `profile`, the model was measured there as its owner would measure it, and what was found is printed. For slots
    of each of `threads`; none: of a worker without options.
    """
    if name not in MODELS:
        raise ValueError(f"model {name!r}: expected one of {', '.join(MODELS)}")
    if name == SSD:
        _export_ssd(root)
    else:
        shutil.copytree(_BUNDLED / name, root / name)
    directory = root / name / VERSION
    if profile:
        for each in threads or [None]:
            _profile(root, name, *([] if each is None else ["--threads", str(each)]))
        print(f"vedette models profile {name}: {plans_text(read_spec(directory / FILE_NAME).engine)}\n", flush=True)
    return directory


def _export_ssd(root: Path) -> None:
    staging = root.with_name(f"{root.name}-staging")
    # In a process of its own: what TensorFlow has threads and memory for, the benchmark's own process need not have.
    export = "import sys, pathlib; from benchmarks.ssd import save; save(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", export, str(staging)], check=True, capture_output=True, text=True)
    root.mkdir(parents=True)
    ModelStore(load_settings(model_store=str(root))).register(staging, _ssd_spec(staging))


def _profile(root: Path, name: str, *options: str) -> None:
    command = [sys.executable, "-m", "vedette", "models", "profile", name, *options]
    environment = {**os.environ, "VEDETTE_MODEL_STORE": str(root)}
    done = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PROFILE_S
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def plans_text(plans: Sequence[EnginePlan]) -> str:
    """What a profile says of how the model is run, in words."""
    return "; ".join(map(_plan_text, plans)) or "no engine plan, called as it was exported"


def _plan_text(plan: EnginePlan) -> str:
    told = [
        *(["frozen"] if plan.frozen else []),
        *(["bfloat16"] if plan.bf16 else []),
        f"{plan.streams} stream{'s' if plan.streams > 1 else ''}",
        "a batch in a call" if plan.call_images is None else f"{plan.call_images} a call",
    ]
    faster = "" if plan.speedup is None else f", {plan.speedup:.2f}× as exported"
    return f"{plan.machine}: {', '.join(told)}{faster}"


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
        # Roomy, until it is profiled: memory is not what is measured here.
        memory=Memory(base_bytes=450 * MIB, per_image_bytes=30 * MIB, per_megapixel_bytes=14 * MIB),
        throughput=Throughput(default_batch=8),
    )
