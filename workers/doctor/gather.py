"""Collects the facts: the one place of the doctor that reads, connects and starts processes."""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import redis
from packaging.utils import canonicalize_name

from contract.capability import Capability
from contract.connection import connect, reachable
from contract.errors import ModelBroken, ModelUnknown, RedisUnreachable
from contract.model_spec import ModelSpec
from contract.registry import Registry, spec_named
from contract.settings import Settings
from contract.urls import shown_url
from workers.doctor.examine import capability_of, cpu_of
from workers.doctor.facts import Facts, Machine, ModelFacts, Package, RedisFacts
from workers.doctor.model import fit, trial_batch
from workers.doctor.tensorflow import is_healthy
from workers.doctor.trial import run_trial
from workers.hardware.cpu import Cpu
from workers.hardware.files import read_machine, read_recorded
from workers.memory.oom import OomCounter
from workers.memory.sample import Sampler
from workers.preflight.evidence import Evidence
from workers.preflight.run import collect_evidence
from workers.store import ModelStore

_ENVIRONMENT: Final = ("TF_", "ONEDNN_", "DNNL_", "OMP_")
#: Wheels with the same modules under another name count for the one that is asked for.
_STAND_INS: Final = {
    "tensorflow": ("tensorflow-cpu", "intel-tensorflow", "tensorflow-cpu-aws"),
    "opencv-python-headless": ("opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python"),
}
_CPUID_TIMEOUT_S: Final = 30


def gather(
    settings: Settings, model: str | None, say: Callable[[str], None], *, machine: Machine | None = None
) -> Facts:
    """Takes seconds, for TensorFlow is imported in a child; `say` gets a line before each step that takes time.

    `machine`: a recorded one instead of this. ModelUnknown and ModelBroken for a `model` that there is not, or whose
    model.toml cannot be read.
    """
    machine = machine or gather_machine()
    asked_for = None if model is None else find_model(model, settings)
    preflight = gather_preflight(settings, say)
    return Facts(
        machine=machine,
        preflight=preflight,
        packages=gather_packages(),
        redis=gather_redis(settings),
        environment={name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)},
        model=None if asked_for is None else _tried(asked_for, machine, preflight, settings, say),
    )


def gather_machine(root: Path = Path("/")) -> Machine:
    """This machine, or one that was recorded below `root`, as `workers.hardware.files.read_recorded` has it."""
    is_here = root == Path("/")
    sampler = Sampler(root=root)
    try:
        return Machine(
            files=read_machine() if is_here else read_recorded(root),
            cpuid_features=_cpuid_features() if is_here else None,
            swaps=_text(root / "proc/swaps"),
            overcommit_memory=_number(root / "proc/sys/vm/overcommit_memory"),
            now=sampler.sample(),
            oom=OomCounter(root=root).read(),
            load=_load(root / "proc/loadavg"),
        )
    finally:
        sampler.close()


def gather_preflight(settings: Settings, say: Callable[[str], None]) -> Evidence | None:
    """None when there is no TensorFlow to import."""
    if importlib.util.find_spec("tensorflow") is None:
        return None
    say("importing TensorFlow in a process of its own")
    return collect_evidence(settings.preflight_timeout, facts=True)


def gather_packages() -> dict[str, Package]:
    """All that is installed, by canonical name; of several of a name the first on the path, which is imported."""
    packages: dict[str, Package] = {}
    for found in importlib.metadata.distributions():
        name = found.metadata["Name"]
        if name:
            package = Package(name, found.version, tuple(found.requires or ()))
            packages.setdefault(canonicalize_name(name), package)
    for wanted, others in _STAND_INS.items():
        stand_in = next((packages[other] for other in others if other in packages), None)
        if stand_in is not None:
            packages.setdefault(wanted, stand_in)
    return packages


def gather_redis(settings: Settings) -> RedisFacts:
    url = shown_url(settings.redis_url)
    try:
        with connect(settings, patient=False) as client:
            info: Mapping[str, object] = client.info()
    except (redis.RedisError, OSError) as error:
        return RedisFacts(url, error=str(error))
    return RedisFacts(url, info=info)


def find_model(name: str, settings: Settings) -> tuple[ModelSpec, bool]:
    """The latest of `name`, or `name@version`, of the store, else of the registry; and whether the store has it."""
    store = ModelStore(settings)
    there = [*store.specs()]
    meant = spec_named(name, there)
    if meant is not None:
        return meant, True
    try:
        with connect(settings, patient=False) as client, reachable(settings):
            return Registry(client, settings).model(name), False
    except (RedisUnreachable, ModelUnknown):
        there_is = ", ".join(spec.ref for spec in there) or "nothing"
        raise ModelUnknown(
            f"unknown model {name!r}: the store {store.root} has {there_is}, and no registry that can be reached "
            "knows it either. VEDETTE_MODEL_STORE names another store."
        ) from None


def _tried(
    found: tuple[ModelSpec, bool],
    machine: Machine,
    preflight: Evidence | None,
    settings: Settings,
    say: Callable[[str], None],
) -> ModelFacts:
    """A trial only where it has a chance: else it would die of what is known already."""
    spec, in_store = found
    cpu, capability = cpu_of(machine), capability_of(machine)
    if not in_store:
        return ModelFacts(spec, None)
    store = ModelStore(settings)
    try:
        _, directory = store.find(spec.ref, spec.digest)
    except ModelBroken as error:
        return ModelFacts(spec, None, broken=str(error))
    if not isinstance(cpu, Cpu) or not isinstance(capability, Capability) or not is_healthy(preflight, cpu):
        return ModelFacts(spec, directory)
    fitting = fit(spec, capability, machine.now)
    if not fitting.runs:
        return ModelFacts(spec, directory)
    say(f"trying {spec.ref}")
    trial = run_trial(directory, trial_batch(spec, fitting), capability, settings.preflight_timeout)
    return ModelFacts(spec, directory, trial=trial)


def _cpuid_features() -> frozenset[str] | None:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    child = Path(__file__).with_name("cpuid_child.py")
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(child)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_CPUID_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return frozenset(done.stdout.split())


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _load(path: Path) -> float | None:
    """Of /proc/loadavg, `7.56 6.74 4.25 3/312 5497`, the first."""
    words = _text(path).split()
    return float(words[0]) if words else None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None
