"""Which cgroups bind this process, and what they allow.

Covers v1, v2 and both at once (hybrid), cgroup namespaces, and containers that see only a part of the tree.
Pure: texts in, values out; `workers.hardware.files` reads the files that `directories` names.
Formats: man 5 proc (mountinfo), man 7 cgroups, https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

#: Controller -> files that limit it. v1 mounts controllers apart; in v2 ("") one directory has them all.
LIMIT_FILES: Final[dict[str, tuple[str, ...]]] = {
    "": ("memory.max", "memory.high", "cpu.max"),
    "memory": ("memory.limit_in_bytes",),
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
}

#: v1 writes "no limit" as the largest multiple of the page size in 63 bits; no machine has an exbibyte.
_UNLIMITED_BYTES: Final = 2**60


@dataclass(frozen=True)
class Limit:
    """An amount of memory, and who allows no more than that, in words for the log."""

    amount_bytes: int
    source: str


@dataclass(frozen=True)
class CgroupDirectory:
    #: Where its files are, as this process sees the file system.
    path: PurePosixPath
    #: The cgroup's own name, such as `/docker/abc`; `/` in a cgroup namespace.
    name: str
    #: A key of `LIMIT_FILES`.
    controller: str

    def files(self) -> list[str]:
        return [str(self.path / file_name) for file_name in LIMIT_FILES[self.controller]]


@dataclass(frozen=True)
class _Mount:
    root: PurePosixPath
    point: PurePosixPath
    controllers: frozenset[str]


def directories(proc_self_cgroup: str, proc_self_mountinfo: str) -> list[CgroupDirectory]:
    """Every cgroup whose limits bind the process: its own and all above it, up to what is mounted here."""
    memberships = list(_memberships(proc_self_cgroup))
    return [
        directory
        for mount in _mounts(proc_self_mountinfo)
        for controllers, path in memberships
        for controller in LIMIT_FILES
        if controller in controllers and controller in mount.controllers
        for directory in _upwards(mount, path, controller)
    ]


def memory_limits(found: Sequence[CgroupDirectory], texts: Mapping[str, str]) -> list[Limit]:
    """`texts` maps a limit file's path to its content; what is missing there, or says "no limit", limits nothing.

    v2's memory.high counts like memory.max: above it the kernel does not kill, but slows a process to a standstill.
    """
    limits = []
    for directory in found:
        for file_name in LIMIT_FILES[directory.controller]:
            text = texts.get(str(directory.path / file_name), "").strip()
            if file_name.startswith("memory.") and text.isdigit() and int(text) < _UNLIMITED_BYTES:
                limits.append(Limit(int(text), f"cgroup {directory.name} ({file_name})"))
    return limits


def cpu_quota(found: Sequence[CgroupDirectory], texts: Mapping[str, str]) -> float | None:
    """The smallest CPU quota in cores (1.5 = one and a half), or None without any."""
    quotas = []
    for directory in found:
        # v2 has "max 100000" or "150000 100000" in one file, v1 "-1" or "150000" and "100000" in two.
        text = " ".join(texts.get(file, "") for file in directory.files() if "/cpu." in file)
        if match := re.fullmatch(r"\s*(\d+)\s+(\d+)\s*", text):
            quotas.append(int(match[1]) / int(match[2]))
    return min(quotas, default=None)


def _memberships(proc_self_cgroup: str) -> Iterator[tuple[frozenset[str], PurePosixPath]]:
    """`4:cpu,cpuacct:/docker/abc` -> ({cpu, cpuacct}, /docker/abc); v2's `0::/` -> ({""}, /)."""
    for line in proc_self_cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        yield frozenset(controllers.split(",")), PurePosixPath(path)


def _mounts(proc_self_mountinfo: str) -> Iterator[_Mount]:
    """`33 24 0:28 ROOT POINT rw,nosuid shared:9 - cgroup cgroup rw,memory`: man 5 proc."""
    for line in proc_self_mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(" "), after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            controllers = frozenset(options.split(",")) if kind == "cgroup" else frozenset({""})
            yield _Mount(PurePosixPath(_unescaped(fields[3])), PurePosixPath(_unescaped(fields[4])), controllers)


def _upwards(mount: _Mount, path: PurePosixPath, controller: str) -> Iterator[CgroupDirectory]:
    """From the process' cgroup to the mount's root.

    Docker on v1 without a cgroup namespace mounts only the container's sub-tree: root and path are both /docker/abc,
    and the mount point itself is the process' cgroup. Where a namespace or a bind mount hides the way down (path `/`
    under root `/docker/abc`, or either one with `..`), the mount point is all that can be read.
    """
    inside = path.is_relative_to(mount.root) and ".." not in path.parts
    below = path.relative_to(mount.root) if inside else PurePosixPath()
    for step in (below, *below.parents):
        yield CgroupDirectory(mount.point / step, str(mount.root / step), controller)


def _unescaped(field: str) -> str:
    """mountinfo writes blanks and backslashes as \\040 and so on."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
