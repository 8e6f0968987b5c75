"""From /proc/cpuinfo to a CPU level, and how an operator's cap lowers it.

archspec has the data (which level needs which features, which level includes which). Its own detection asks the
running machine for the architecture and never goes beyond `aarch64` on ARM, so the comparison is made here: pure, on
recorded text, and the same for every architecture.
"""

import re
from dataclasses import dataclass
from typing import Final

import archspec.cpu
from archspec.cpu.schema import TARGETS_JSON

from contract.capability import level_runs
from contract.errors import SettingsError
from workers.hardware.errors import MachineUnsupported

#: `platform.machine()` -> archspec's name of the family, for the architectures that a TensorFlow can be had for.
_FAMILIES: Final = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
}


@dataclass(frozen=True)
class Cpu:
    #: archspec's name of a generic level: x86_64_v3, armv8.2a, …
    level: str
    #: In Linux's spelling of /proc/cpuinfo: avx512_vnni, asimddp, pni (archspec's sse3), …
    features: frozenset[str]
    #: What people call it.
    name: str


def read_cpu(cpuinfo: str, architecture: str) -> Cpu:
    """`cpuinfo` is the text of /proc/cpuinfo, `architecture` what `platform.machine()` says.

    Features are those that all processors have: a thread may land on any of them. MachineUnsupported for an
    architecture that TensorFlow does not run on.
    """
    family = _FAMILIES.get(architecture.lower())
    if family is None:
        families = ", ".join(sorted(set(_FAMILIES.values())))
        raise MachineUnsupported(
            f"This machine's architecture is {architecture!r}; TensorFlow runs on {families}. "
            "A 32-bit system on a 64-bit CPU has to be replaced by a 64-bit one."
        )
    stanzas = [_fields(stanza) for stanza in re.split(r"\n\s*\n", cpuinfo)]
    listed = [fields.get("flags") or fields.get("Features") for fields in stanzas]  # x86, ARM
    flags = [set(line.lower().split()) for line in listed if line]
    common = set.intersection(*flags) if flags else set()
    features = frozenset(feature for feature in common if re.fullmatch(r"[a-z0-9_]+", feature))
    return Cpu(_level(features, family), features, _name(stanzas[0]) or architecture)


def cap_cpu(cpu: Cpu, cap_level: str) -> Cpu:
    """The same CPU, used as if it were a `cap_level` and nothing more: what is beyond that level is gone.

    ARM levels name no features in archspec, so a capped ARM offers none. SettingsError unless the cap is one of
    archspec's generic levels and at most the measured one.
    """
    targets = archspec.cpu.TARGETS
    family = targets[cpu.level].family
    levels = [name for name, target in targets.items() if target.vendor == "generic" and target.family == family]
    if cap_level not in levels:
        raise SettingsError(f"--cpu {cap_level}: no CPU level of {family}; this machine knows {', '.join(levels)}.")
    if not level_runs(cpu.level, cap_level):
        raise SettingsError(
            f"--cpu {cap_level}: this machine ({cpu.name}) is measured as {cpu.level}, and a cap can only lower that."
        )
    return Cpu(cap_level, cpu.features & targets[cap_level].features, cpu.name)


def _level(features: frozenset[str], family: str) -> str:
    """The highest generic level of `family` that `features` prove.

    A generic x86 level lists its features. A generic ARM level lists none, but cores of it do, whoever makes them: a
    CPU with all features of ARM's neoverse_v1 is an armv8.4a. Ties (armv8.6a, armv9.0a) go to the later name.
    """
    spelled = features | ({"sse3"} if "pni" in features else set())
    proved = {family} | {
        target.generic.name
        for target in archspec.cpu.TARGETS.values()
        if target.family.name == family and target.features and target.features <= spelled
    }
    return max(proved, key=lambda name: (len(archspec.cpu.TARGETS[name].ancestors), name))


def _name(fields: dict[str, str]) -> str:
    """x86 has a model name; ARM has numbers, of which archspec knows many: 0x41 0xd40 -> `ARM neoverse_v1`."""
    if name := fields.get("model name", fields.get("cpu", "")):
        return " ".join(name.split())
    implementer, part = fields.get("CPU implementer", ""), fields.get("CPU part", "")
    vendor = TARGETS_JSON["conversions"]["arm_vendors"].get(implementer, implementer)
    cores = [t.name for t in archspec.cpu.TARGETS.values() if t.vendor == vendor and t.cpu_part == part and part]
    return f"{vendor} {cores[0] if cores else part}".strip()


def _fields(stanza: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in stanza.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
