"""The one place that reads the machine: texts of /proc and cgroup files, and this process' own limits.

Everything after it is pure, so a machine can be recorded once (its files and a `machine.toml`) and tested for ever.
"""

import os
import platform
import resource
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.hardware.cgroup import directories
from workers.hardware.errors import MachineUnsupported


@dataclass(frozen=True)
class MachineFiles:
    """Raw, as read. Files that do not exist are empty texts, or missing in `cgroup_files`."""

    cpuinfo: str
    meminfo: str
    proc_self_cgroup: str
    proc_self_mountinfo: str
    #: Path as the process sees it (`/sys/fs/cgroup/memory.max`) -> content.
    cgroup_files: Mapping[str, str]
    #: As `platform.machine()` says: x86_64, aarch64, …
    architecture: str
    #: CPUs that the scheduler may put this process on; cpusets and `taskset` lower it.
    affinity_cpus: int
    #: Soft RLIMIT_AS and RLIMIT_DATA; None is unlimited. Both bind each process on its own.
    rlimit_as_bytes: int | None
    rlimit_data_bytes: int | None


def read_machine(root: Path = Path("/")) -> MachineFiles:
    """The machine that this process runs on; MachineUnsupported where there is no Linux /proc."""
    if not (root / "proc/cpuinfo").exists():
        raise MachineUnsupported(
            f"There is no {root / 'proc/cpuinfo'} here ({platform.system()}). A worker measures its machine through "
            "/proc and so runs on Linux only, containers and virtual machines included."
        )
    return _read(
        root,
        architecture=platform.machine(),
        affinity_cpus=len(os.sched_getaffinity(0)),
        rlimit_as_bytes=_soft_limit(resource.RLIMIT_AS),
        rlimit_data_bytes=_soft_limit(resource.RLIMIT_DATA),
    )


def read_recorded(directory: Path) -> MachineFiles:
    """A machine recorded in `directory`: copies of its files, and what no file tells in `machine.toml`."""
    facts = tomllib.loads((directory / "machine.toml").read_text())
    return _read(
        directory,
        architecture=facts["architecture"],
        affinity_cpus=facts["affinity_cpus"],
        rlimit_as_bytes=facts.get("rlimit_as_bytes"),
        rlimit_data_bytes=facts.get("rlimit_data_bytes"),
    )


def _read(
    root: Path, *, architecture: str, affinity_cpus: int, rlimit_as_bytes: int | None, rlimit_data_bytes: int | None
) -> MachineFiles:
    proc_self_cgroup = _text(root, "/proc/self/cgroup") or ""
    proc_self_mountinfo = _text(root, "/proc/self/mountinfo") or ""
    limit_files = [file for found in directories(proc_self_cgroup, proc_self_mountinfo) for file in found.files()]
    return MachineFiles(
        cpuinfo=_text(root, "/proc/cpuinfo") or "",
        meminfo=_text(root, "/proc/meminfo") or "",
        proc_self_cgroup=proc_self_cgroup,
        proc_self_mountinfo=proc_self_mountinfo,
        cgroup_files={file: text for file in limit_files if (text := _text(root, file)) is not None},
        architecture=architecture,
        affinity_cpus=affinity_cpus,
        rlimit_as_bytes=rlimit_as_bytes,
        rlimit_data_bytes=rlimit_data_bytes,
    )


def _text(root: Path, path: str) -> str | None:
    """None when the file is not there or not for us to read: a limit that cannot be seen cannot be counted."""
    try:
        return (root / path.lstrip("/")).read_text(errors="replace")
    except OSError:
        return None


def _soft_limit(which: int) -> int | None:
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft
