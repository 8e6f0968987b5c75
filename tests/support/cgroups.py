"""Small machines made of this one: real memory cgroups, v1 or v2, in which the kernel really kills.

Needs root and a hierarchy that may be written to; elsewhere tests skip with the reason that `why_none` gives.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.wait import wait_until
from workers.memory.oom import parse_oom_kill

_V1: Final = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control")
_V2: Final = ("memory.max", "memory.swap.max", "memory.events")
_numbers = count()


@dataclass
class MemoryCgroup:
    path: Path
    version: int
    _children: "list[subprocess.Popen[Any]]" = field(default_factory=list)

    @property
    def prefix(self) -> list[str]:
        """Before a command: it runs inside, from before its first own instruction."""
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs")]

    def run(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """A process inside. It ends with the cgroup."""
        child = subprocess.Popen([*self.prefix, *command], **options)
        self._children.append(child)
        return child

    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed inside."""
        text = (self.path / (_V1 if self.version == 1 else _V2)[2]).read_text()
        return parse_oom_kill(text) or 0

    def _end(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()
        wait_until(self._removed, that=f"{self.path} is empty")

    def _removed(self) -> bool:
        """A process leaves its cgroup a moment after it was waited for."""
        with contextlib.suppress(OSError):
            self.path.rmdir()
        return not self.path.exists()


@contextmanager
def memory_cgroup(limit_bytes: int) -> Iterator[MemoryCgroup]:
    """A machine of `limit_bytes` without swap; skips the test where there can be none."""
    reason = why_none()
    if reason is not None:
        pytest.skip(reason)
    version, mount = _hierarchy()
    assert mount is not None
    group = MemoryCgroup(mount / f"vedette-lab-{os.getpid()}-{next(_numbers)}", version)
    group.path.mkdir()
    try:
        limit_file, swap_file, _ = _V1 if version == 1 else _V2
        (group.path / limit_file).write_text(str(limit_bytes))
        with contextlib.suppress(OSError):  # a kernel without swap accounting, and so without swap for cgroups
            (group.path / swap_file).write_text(str(limit_bytes) if version == 1 else "0")
        yield group
    finally:
        group._end()


@cache
def why_none() -> str | None:
    """Why this machine can make no memory cgroup; None when it can."""
    if os.geteuid() != 0:
        return "memory cgroups need root"
    version, mount = _hierarchy()
    if mount is None:
        return "no cgroup hierarchy with the memory controller is mounted here"
    if version == 2 and "memory" not in _words(mount / "cgroup.subtree_control"):
        try:
            (mount / "cgroup.subtree_control").write_text("+memory")
        except OSError as error:
            return f"cgroup v2 does not hand out the memory controller: {error.strerror}"
    probe = mount / f"vedette-lab-{os.getpid()}-probe"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        return f"no cgroup can be made in {mount}: {error.strerror}"
    return None


def _hierarchy() -> tuple[int, Path | None]:
    """(version, mount point) of the hierarchy that has the memory controller."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point, kind, options = Path(before.split()[4]), *after.split()[::2]
        if kind == "cgroup" and "memory" in options.split(","):
            return 1, point
        if kind == "cgroup2" and "memory" in _words(point / "cgroup.controllers"):
            return 2, point
    return 0, None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
