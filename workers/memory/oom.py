"""How often the kernel has killed a process for memory: the evidence that tells its SIGKILL from anybody else's.

The kernel raises the counters before it sends the signal (mm/oom_kill.c, __oom_kill_process), so whoever has reaped the
child reads them raised. Counted is the innermost cgroup that keeps a count: on v1 a kill counts there alone, and on v2
a parent's count includes the neighbours' kills. `oom_group_kill` is not added, because every process that goes with its
group counts in `oom_kill` too. The host's count has all kills of the machine, those inside of other containers too: on
its own it proves little.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from workers.memory.sample import below, memory_cgroups

OomKiller = Literal["group", "host"]

#: Controller -> file with the line `oom_kill N`. v1 has it since Linux 4.19, v2 since 4.13, /proc/vmstat since 4.13.
_FILES: Final = {"": "memory.events", "memory": "memory.oom_control"}
_OOM_KILL = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class OomCounts:
    #: Kills in our cgroup since it was made; None when there is no count.
    group: int | None = None
    #: Kills on the machine since it was started.
    host: int | None = None

    def less(self, killer: OomKiller | None) -> "OomCounts":
        """After this many kills, one more by `killer` is accounted for: the baseline of the next death.

        So that of two slots that died at once, one by the kernel and one by hand, only one is laid at its door.
        """
        if killer is None:
            return self
        group = self.group + 1 if killer == "group" and self.group is not None else self.group
        return replace(self, group=group, host=None if self.host is None else self.host + 1)


def parse_oom_kill(text: str) -> int | None:
    found = _OOM_KILL.search(text)
    return int(found[1]) if found else None


def killed_since(before: OomCounts, after: OomCounts) -> OomKiller | None:
    """Whether the kernel killed in our cgroup, else anywhere on the machine, between two readings.

    | group  | host   | answer |
    |--------|--------|--------|
    | raised | any    | group  |
    | same   | raised | host   |
    | same   | same   | None   |
    """
    if _raised(before.group, after.group):
        return "group"
    return "host" if _raised(before.host, after.host) else None


def _raised(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after > before


class OomCounter:
    """Reads the counts for a process: this one, whose children are in its cgroup, or another."""

    def __init__(self, pid: int | None = None, root: Path = Path("/")) -> None:
        process = root / "proc" / ("self" if pid is None else str(pid))
        candidates = [below(root, found.path / _FILES[found.controller]) for found in memory_cgroups(process, root)]
        self._group = next((path for path in candidates if _count(path) is not None), None)
        self._host = root / "proc/vmstat"

    def read(self) -> OomCounts:
        return OomCounts(group=None if self._group is None else _count(self._group), host=_count(self._host))


def _count(path: Path) -> int | None:
    try:
        return parse_oom_kill(path.read_text(errors="replace"))
    except OSError:
        return None
