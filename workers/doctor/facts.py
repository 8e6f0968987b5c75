"""What is known before anything is concluded. `workers.doctor.gather` collects it; tests write it down."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.model_spec import ModelSpec
from workers.hardware.files import MachineFiles
from workers.memory.oom import OomCounts
from workers.memory.sample import MemorySample
from workers.preflight.evidence import Evidence


@dataclass(frozen=True)
class Machine:
    """What `MachineFiles` has, which decides the plan, and what only a doctor looks at."""

    files: MachineFiles
    #: What CPUID announces, in archspec's spelling; None where it cannot be asked (no x86, no executable memory).
    cpuid_features: frozenset[str] | None
    #: Text of /proc/swaps.
    swaps: str
    #: vm.overcommit_memory: 0 guess, 1 always, 2 never; None when it cannot be read.
    overcommit_memory: int | None
    #: What a process could still get, and by which bound.
    now: MemorySample
    oom: OomCounts
    #: Processes that ran or wanted to, mean of the last minute; None when it cannot be read.
    load: float | None = None


@dataclass(frozen=True)
class Package:
    #: As its metadata spells it.
    name: str
    version: str
    #: Requirement strings of its metadata (PEP 508), markers included.
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class RedisFacts:
    #: Without its password.
    url: str
    #: Why there is no answer; "" when there is one.
    error: str = ""
    #: Of INFO: redis_version, aof_enabled, maxmemory, maxmemory_policy, …
    info: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Trial:
    """What was seen of the child that loaded the model and ran a black image."""

    evidence: Evidence
    #: Images of its largest call: fewer than were asked for where the model is slow.
    batch: int
    #: Anonymous memory at its highest; None when the child did not come to its end.
    peak_bytes: int | None
    #: Mean of the calls with one image, but for the first; None likewise.
    call_s: float | None = None
    #: What the child says of its own end, by the guard or an exception; "" when it ended well or was ended.
    ended_by: str = ""
    #: `memory` or `model`, where the child could tell: see `workers.verdict`.
    verdict: str = ""


@dataclass(frozen=True)
class ModelFacts:
    spec: ModelSpec
    #: Where its files are; None: only the registry knows it, and it cannot be tried here.
    directory: Path | None
    #: Why a worker would refuse these files; "" when it would not.
    broken: str = ""
    #: None: not tried, because it would not fit, or because TensorFlow does not work here.
    trial: Trial | None = None


@dataclass(frozen=True)
class Facts:
    machine: Machine
    #: None: there is no TensorFlow to import.
    preflight: Evidence | None
    #: Name in lower case with `-` -> package, of all that `vedette[worker]` needs, as far as it is installed.
    packages: Mapping[str, Package]
    redis: RedisFacts
    #: Variables that change what TensorFlow does: TF_…, ONEDNN_…, OMP_….
    environment: Mapping[str, str]
    model: ModelFacts | None = None
