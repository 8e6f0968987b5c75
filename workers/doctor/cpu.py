"""The CPU: its level, and what it has that the operating system, the hypervisor or the maker keeps from us. Pure."""

import re
from typing import Final

import archspec.cpu

from workers.doctor.facts import Machine
from workers.doctor.finding import Finding
from workers.doctor.microarchitectures import microarchitecture
from workers.hardware.cpu import Cpu
from workers.hardware.files import MachineFiles
from workers.hardware.probe import measure_cores, telling_features

#: Features that TensorFlow needs, or that change its speed, in the spelling that /proc/cpuinfo and archspec share.
_MATTER: Final = (
    *("avx", "f16c", "fma", "avx2", "avx_vnni"),
    *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16"),
    *("amx_tile", "amx_int8", "amx_bf16"),
)
#: Without these TensorFlow does not start, or computes at a fraction of its speed; the others are a bonus.
_GRAVE: Final = frozenset({"avx", "fma", "avx2"})
#: Processes for each core, from which on times mislead.
_BUSY_LOAD: Final = 1.5


def cpu_findings(machine: Machine, cpu: Cpu) -> list[Finding]:
    """The CPU as measured, without caps. What lacks for TensorFlow is told with the preflight, which proves it."""
    found = [_level(machine, cpu), *_busy(machine)]
    by_system = _missing(machine.cpuid_features or frozenset(), cpu)
    if by_system:
        found.append(_hidden_by_system(by_system))
    if machine.cpuid_features and (claimed := sorted(_GRAVE & cpu.features - machine.cpuid_features)):
        found.append(_claimed(claimed))
    name = name_by_numbers(machine.files)
    if name is not None and (hidden := _missing(archspec.cpu.TARGETS[name].features, cpu, but=by_system)):
        found.append(_hidden_by_host(machine.files, name, hidden, asked=machine.cpuid_features is not None))
    return found


def name_by_numbers(files: MachineFiles) -> str | None:
    """The microarchitecture by vendor, family and model; None where it is not known."""
    vendor = re.search(r"^vendor_id\s*: *(\w+)$", files.cpuinfo, re.MULTILINE)
    numbers = [_number(files, name) for name in ("cpu family", "model", "stepping")]
    family, model, stepping = numbers
    if vendor is None or family is None or model is None:
        return None
    return microarchitecture(vendor[1], family, model, stepping or 0)


def _level(machine: Machine, cpu: Cpu) -> Finding:
    cores = measure_cores(machine.files)
    telling = telling_features(cpu.level, cpu.features)
    name = name_by_numbers(machine.files)
    details = [f"beyond that level: {' '.join(telling)}"] if telling else []
    if name:
        details.append(f"a {name} by its family and model")
    if cores < machine.files.affinity_cpus:
        details.append(f"{machine.files.affinity_cpus} processors, of which a CPU quota of the cgroup leaves {cores}")
    return Finding(
        "cpu_level",
        "ok",
        "cpu",
        f"{cpu.level}: {cpu.name}, {cores} core{'s' if cores > 1 else ''} for this process",
        details=tuple(details),
        numbers={
            "level": cpu.level,
            "name": cpu.name,
            "microarchitecture": name,
            "features": sorted(cpu.features),
            "cores": cores,
            "processors": machine.files.affinity_cpus,
        },
    )


def _busy(machine: Machine) -> list[Finding]:
    """Of the whole machine: a container sees its neighbours' load too, and its CPUs are shared with them."""
    cores = measure_cores(machine.files)
    if machine.load is None or machine.load < _BUSY_LOAD * cores:
        return []
    return [
        Finding(
            "cpu_busy",
            "note",
            "cpu",
            f"a load of {machine.load:.1f} in the last minute, for {cores} core{'s' if cores > 1 else ''}",
            "Others compute too: times that are told here are longer than those of a machine at rest.",
            numbers={"load": machine.load, "cores": cores},
        )
    ]


def _hidden_by_system(features: list[str]) -> Finding:
    return Finding(
        "cpu_features_off",
        "warning",
        "cpu",
        f"CPUID announces {_list(features)}, /proc/cpuinfo does not have {_them(features)}.",
        "The operating system has switched that off: the kernel's command line (clearcpuid=, noxsave, "
        "gather_data_sampling=force), or a kernel that is older than the CPU. Programs must not use it then.",
        "Look at /proc/cmdline and `dmesg | grep -iE 'x86/fpu|xsave|gather'`; take the option away, or use a newer "
        "kernel.",
        numbers={"features": features},
    )


def _claimed(features: list[str]) -> Finding:
    return Finding(
        "cpu_features_false",
        "warning",
        "cpu",
        f"/proc/cpuinfo has {_list(features)}, but this process' CPU does not announce {_them(features)}.",
        "The process runs in an emulator (qemu-user, a container of another architecture), which shows the host's "
        "/proc/cpuinfo. What is measured from it is wrong, and TensorFlow may end with SIGILL.",
        "Run the worker on the machine itself, or in an image of its own architecture (`uname -m`, "
        "`docker run --platform`).",
        numbers={"features": features},
    )


def _hidden_by_host(files: MachineFiles, name: str, features: list[str], *, asked: bool) -> Finding:
    virtual = re.search(r"^flags\s*:.*\bhypervisor\b", files.cpuinfo, re.MULTILINE) is not None
    grave = sorted(_GRAVE & set(features))
    costs = (
        f"Without {_list(grave)} TensorFlow does not start, or takes several times as long."
        if grave
        else "TensorFlow works without, at half the speed or less for models that would use them."
    )
    who, remedy = (
        (
            "The hypervisor keeps it from this virtual machine.",
            "Give the machine the host's CPU: QEMU -cpu host, libvirt <cpu mode='host-passthrough'/>, Proxmox type "
            "host, VMware without EVC; of a cloud, another instance type.",
        )
        if virtual
        else (
            "The maker left it out of this model (Pentium, Celeron), or the firmware has it switched off.",
            "Look in the firmware's CPU settings. If there is nothing, this is what the CPU can do.",
        )
    )
    return Finding(
        "cpu_features_hidden",
        "warning" if grave else "note",
        "cpu",
        f"By its family and model this CPU is a {name}, but {_list(features)} "
        f"{'is' if len(features) == 1 else 'are'} not {'announced' if asked else 'in /proc/cpuinfo'}.",
        f"{who} {costs}",
        remedy,
        numbers={"microarchitecture": name, "features": features, "virtual": virtual},
    )


def _missing(announced: frozenset[str], cpu: Cpu, but: list[str] | None = None) -> list[str]:
    return [
        feature
        for feature in _MATTER
        if feature in announced and feature not in cpu.features and feature not in (but or ())
    ]


def _number(files: MachineFiles, name: str) -> int | None:
    found = re.search(rf"^{name}\s*: *(\d+)$", files.cpuinfo, re.MULTILINE)
    return None if found is None else int(found[1])


def _them(features: list[str]) -> str:
    return "it" if len(features) == 1 else "them"


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
