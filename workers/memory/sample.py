"""What a process holds and what it could still get, many times a second.

Counted is anonymous memory: pages backed by files (libraries, weights) can be dropped by the kernel, and resident size
includes them. What could still be had is the least of several bounds:

    host        MemAvailable of /proc/meminfo
    cgroup      for every one above the process: limit − (usage − file pages), as the kernel drops file pages first
    RLIMIT_AS   limit − VmSize          RLIMIT_DATA  limit − VmData

Swap is never counted. Limits change rarely and are read once a second; the rest each time, from open files.
Formats: man 5 proc, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and …/cgroup-v2.html
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workers.hardware.cgroup import LIMIT_FILES, CgroupDirectory, Limit, directories, memory_limits

#: Free bytes when nothing bounds them, or no bound can be read.
UNBOUNDED_BYTES: Final = 2**62
#: How often limits are read again: operators and `docker update` may change them while a worker runs.
_LIMITS_EVERY_S: Final = 1.0
#: Longer than any file read here, each of which the kernel hands out in one piece.
_READ_BYTES: Final = 64 * 1024

_STATUS = re.compile(rb"^(RssAnon|RssShmem|VmSize|VmData):\s+(\d+) kB$", re.MULTILINE)
_AVAILABLE = re.compile(rb"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_TOTAL = re.compile(rb"^MemTotal:\s+(\d+) kB$", re.MULTILINE)
_FILE_PAGES = re.compile(rb"^(total_)?(?:in)?active_file (\d+)$", re.MULTILINE)
_RLIMIT = re.compile(rb"^Max (address space|data size) +(\d+) ", re.MULTILINE)


@dataclass(frozen=True)
class MemorySample:
    #: Anonymous and shared bytes of the process; 0 when it is gone.
    anon_bytes: int
    #: What it could still get now; `UNBOUNDED_BYTES` when no bound could be read.
    free_bytes: int
    #: The bound that gave `free_bytes`, in words: "host memory", "cgroup /a (memory.max)", "RLIMIT_AS".
    tightest: str
    #: `time.monotonic()`.
    at_s: float


@dataclass(frozen=True)
class Bound:
    free_bytes: int
    source: str


def parse_status(status: bytes) -> dict[str, int]:
    """Bytes of RssAnon, RssShmem, VmSize and VmData, as far as /proc/<pid>/status has them."""
    return {name.decode(): int(kib) * 1024 for name, kib in _STATUS.findall(status)}


def anonymous_bytes(fields: Mapping[str, int]) -> int:
    """Of `parse_status`: what only this process' end, or its own doing, can free."""
    return fields.get("RssAnon", 0) + fields.get("RssShmem", 0)


def parse_rlimits(limits: bytes) -> dict[str, int]:
    """Soft limits in bytes of /proc/<pid>/limits, where there are any: {"RLIMIT_AS": …, "RLIMIT_DATA": …}."""
    names = {b"address space": "RLIMIT_AS", b"data size": "RLIMIT_DATA"}
    return {names[what]: int(soft) for what, soft in _RLIMIT.findall(limits)}


def reclaimable_bytes(memory_stat: bytes) -> int:
    """File pages in a cgroup's memory.stat. v1 tells them for the cgroup alone and, as total_…, with all below it."""
    found = _FILE_PAGES.findall(memory_stat)
    with_children = [int(amount) for total, amount in found if total]
    return sum(with_children) if with_children else sum(int(amount) for _, amount in found)


def host_bound(meminfo: bytes) -> Bound | None:
    found = _AVAILABLE.search(meminfo)
    return Bound(int(found[1]) * 1024, "host memory") if found else None


def cgroup_bound(limit: Limit, usage: bytes, memory_stat: bytes) -> Bound | None:
    """None when the cgroup has no usage to read: it was removed, or is the root of v2."""
    if not usage.strip().isdigit():
        return None
    used_bytes = int(usage) - reclaimable_bytes(memory_stat)
    return Bound(max(0, limit.amount_bytes - max(0, used_bytes)), limit.source)


def rlimit_bounds(rlimits: Mapping[str, int], fields: Mapping[str, int]) -> Iterator[Bound]:
    for name, used in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        if name in rlimits and used in fields:
            yield Bound(max(0, rlimits[name] - fields[used]), name)


class Sampler:
    """Samples one process. Make it in the process itself, after the fork; `sample()` is for one thread at a time."""

    def __init__(
        self, pid: int | None = None, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`root` is another one than `/` for a recorded machine, whose process is `self`."""
        process = root / "proc" / ("self" if pid is None else str(pid))
        self._clock = clock
        self._status = _File(process / "status")
        self._limits = _File(process / "limits")
        self._meminfo = _File(root / "proc/meminfo")
        self._groups = [_Group(found, root) for found in memory_cgroups(process, root)]
        self._rlimits: dict[str, int] = {}
        self._limits_at_s = -_LIMITS_EVERY_S

    def sample(self) -> MemorySample:
        at_s = self._clock()
        if at_s - self._limits_at_s >= _LIMITS_EVERY_S:
            self._read_limits()
            self._limits_at_s = at_s
        fields = parse_status(self._status.read())
        bounds = [host_bound(self._meminfo.read()), *rlimit_bounds(self._rlimits, fields)]
        bounds += [group.bound() for group in self._groups]
        tightest = min(
            (bound for bound in bounds if bound is not None),
            key=lambda bound: bound.free_bytes,
            default=Bound(UNBOUNDED_BYTES, "nothing that can be read"),
        )
        return MemorySample(anonymous_bytes(fields), tightest.free_bytes, tightest.source, at_s)

    def smallest_limit_bytes(self) -> int | None:
        """The smallest of what the host has and cgroups and process limits allow."""
        self._read_limits()
        total = _TOTAL.search(self._meminfo.read())
        amounts = [group.limit.amount_bytes for group in self._groups if group.limit is not None]
        amounts += self._rlimits.values()
        return min([*amounts, int(total[1]) * 1024] if total else amounts, default=None)

    def close(self) -> None:
        for file in (self._status, self._limits, self._meminfo, *(file for group in self._groups for file in group)):
            file.close()

    def _read_limits(self) -> None:
        self._rlimits = parse_rlimits(self._limits.read())
        for group in self._groups:
            group.read_limit()


def memory_cgroups(process: Path, root: Path) -> list[CgroupDirectory]:
    """Those that may limit or count the memory of the process at `process` (`/proc/<pid>`), its own first."""
    try:
        membership = (process / "cgroup").read_text(errors="replace")
        mountinfo = (root / "proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return []
    return [found for found in directories(membership, mountinfo) if found.controller in ("", "memory")]


def below(root: Path, path: Path | os.PathLike[str]) -> Path:
    """An absolute path of a machine whose file system begins at `root`."""
    return root / os.fspath(path).lstrip("/")


class _File:
    """Kept open, for opening costs more than reading: the kernel writes such a file anew for each pread from 0."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = -1

    def read(self) -> bytes:
        """Empty when the file is not there, or no longer: its process ended, its cgroup was removed."""
        try:
            return os.pread(self._descriptor, _READ_BYTES, 0)
        except OSError:
            return b""

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _Group:
    """One cgroup's files. Usage and statistics are read only where there is a limit."""

    def __init__(self, directory: CgroupDirectory, root: Path) -> None:
        self._directory = directory
        names = [name for name in LIMIT_FILES[directory.controller] if name.startswith("memory.")]
        self._limit_files = {str(directory.path / name): _File(below(root, directory.path / name)) for name in names}
        usage = "memory.current" if directory.controller == "" else "memory.usage_in_bytes"
        self._usage = _File(below(root, directory.path / usage))
        self._stat = _File(below(root, directory.path / "memory.stat"))
        self.limit: Limit | None = None

    def __iter__(self) -> Iterator[_File]:
        return iter((*self._limit_files.values(), self._usage, self._stat))

    def read_limit(self) -> None:
        texts = {path: file.read().decode(errors="replace") for path, file in self._limit_files.items()}
        found = memory_limits([self._directory], texts)
        self.limit = min(found, key=lambda limit: limit.amount_bytes, default=None)

    def bound(self) -> Bound | None:
        return None if self.limit is None else cgroup_bound(self.limit, self._usage.read(), self._stat.read())
