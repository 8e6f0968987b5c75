"""Measure a machine: the steps in order, and the lines that a worker's log begins with."""

from collections.abc import Set
from typing import Final

import archspec.cpu

from contract.capability import Capability
from contract.memory import format_bytes
from workers.hardware import cgroup
from workers.hardware.cpu import Cpu, read_cpu
from workers.hardware.files import MachineFiles
from workers.hardware.memory import measure_memory
from workers.hardware.plan import Caps, available_cores, oversubscription, plan

#: Features that change the speed of a model, for the log; most telling first.
_TELLING: Final = (
    *("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512f", "avx2", "avx"),
    *("svebf16", "svei8mm", "bf16", "i8mm", "sve", "asimddp", "asimdhp"),
)


def measure(files: MachineFiles, caps: Caps) -> Capability:
    """SettingsError for a cap that does not fit this machine, MachineUnsupported for a machine that does not fit us."""
    groups = cgroup.directories(files.proc_self_cgroup, files.proc_self_mountinfo)
    memory = measure_memory(
        files.meminfo,
        cgroup.memory_limits(groups, files.cgroup_files),
        files.rlimit_as_bytes,
        files.rlimit_data_bytes,
    )
    return plan(measure_cores(files), memory, measure_cpu(files), caps)


def measure_cpu(files: MachineFiles) -> Cpu:
    """The CPU as it is, before any cap: what the preflight has to know."""
    return read_cpu(files.cpuinfo, files.architecture)


def measure_cores(files: MachineFiles) -> int:
    groups = cgroup.directories(files.proc_self_cgroup, files.proc_self_mountinfo)
    return available_cores(files.affinity_cpus, cgroup.cpu_quota(groups, files.cgroup_files))


def describe(capability: Capability) -> list[str]:
    """Three lines for people.

    cpu       x86_64_v4, AMD EPYC 9654 96-Core Processor, avx512_bf16 avx512_vnni
    memory    22.3 GiB per slot, limited by host memory
    slots     1 with 2 threads
    """
    cpu = [
        capability.cpu_level,
        capability.cpu_name,
        " ".join(telling_features(capability.cpu_level, capability.cpu_features)),
    ]
    memory = format_bytes(capability.memory_per_slot_bytes)
    threads = f"{capability.threads} thread{'s' if capability.threads > 1 else ''}"
    return [
        f"cpu       {', '.join(part for part in cpu if part)}",
        f"memory    {memory} per slot, limited by {capability.memory_limited_by}",
        f"slots     {capability.slots} with {threads}{' each' if capability.slots > 1 else ''}",
    ]


def telling_features(cpu_level: str, cpu_features: Set[str]) -> list[str]:
    """Features beyond the CPU level that change the speed of a model, most telling first."""
    implied = archspec.cpu.TARGETS[cpu_level].features
    return [feature for feature in _TELLING if feature in cpu_features - implied]


def warnings(files: MachineFiles, capability: Capability) -> list[str]:
    """What the operator should hear about, although the worker starts."""
    warning = oversubscription(measure_cores(files), capability)
    return [warning] if warning else []
