"""Memory: every limit and who sets it, what is left of them for slots, swap and overcommit. Pure."""

import re
from typing import Final

from contract.capability import Capability
from contract.memory import GIB, MIB, TIERS_BYTES, format_bytes, tier_name
from workers.doctor.facts import Machine
from workers.doctor.finding import Finding
from workers.hardware import cgroup
from workers.hardware.files import MachineFiles
from workers.hardware.memory import (
    UNTOUCHED_ADDRESS_SPACE_BYTES,
    UNTOUCHED_DATA_BYTES,
    container_reserve_bytes,
    host_reserve_bytes,
)

#: What a system at rest may have pushed out of the way is not "in use".
_IDLE_SWAP_BYTES: Final = 256 * MIB
#: Below this share of what was planned, admission makes small batches of large ones.
_SHORT_SHARE: Final = 0.5

_SWAP: Final = re.compile(r"^(\S+)\s+(?:partition|file)\s+(\d+)\s+(\d+)\s", re.MULTILINE)


def memory_findings(machine: Machine, capability: Capability | None) -> list[Finding]:
    """`capability` without caps; None when the machine has too little, which is told elsewhere."""
    found = [_limits(machine.files)]
    if capability is not None:
        found += [_plan(capability), *_short(machine, capability)]
    return [*found, *_swap(machine), *_kernel(machine)]


def who_sets(source: str) -> str:
    """Of a limit's source, as `workers.hardware` names it."""
    if source == "host memory":
        return "the machine, or its hypervisor"
    if source == "RLIMIT_AS":
        return "ulimit -v, or LimitAS= of a systemd service"
    if source == "RLIMIT_DATA":
        return "ulimit -d, or LimitDATA= of a systemd service"
    if "kubepods" in source:
        return "the pod's resources.limits.memory"
    if re.search(r"\.(slice|service|scope)\b", source):
        return "systemd, MemoryMax= or MemoryHigh=; `systemctl show -p MemoryMax,MemoryHigh UNIT`"
    if "/docker/" in source or re.match(r"cgroup /(\.\.)? ", source):
        return "the container: `docker run --memory`, mem_limit of Compose, or resources.limits.memory of the pod"
    return "whoever made that cgroup"


def raise_limit(source: str) -> str:
    """The beginning of a sentence that tells how to get more."""
    if source == "host memory":
        return "Give the machine more memory,"
    return f"Raise the limit of {source} (set by {who_sets(source)})"


def _limits(files: MachineFiles) -> Finding:
    rows = [*_shared_limits(files), *_process_limits(files)]
    tightest = min(rows, key=lambda row: row[2], default=None)
    lines = [
        f"{source}: {format_bytes(limit)}, less {format_bytes(limit - usable)} "
        f"{'mapped but not used' if own else 'in reserve'} = {format_bytes(usable)}; set by {who_sets(source)}"
        for source, limit, usable, own in rows
    ]
    return Finding(
        "memory_limits",
        "ok",
        "memory",
        "nothing to read" if tightest is None else f"{format_bytes(tightest[2])} usable; {tightest[0]} decides",
        details=tuple(lines),
        numbers={
            "decides": tightest and tightest[0],
            "limits": [{"source": s, "limit_bytes": limit, "usable_bytes": usable} for s, limit, usable, _ in rows],
        },
    )


def _shared_limits(files: MachineFiles) -> list[tuple[str, int, int, bool]]:
    """(source, limit, what it leaves to slots, False): the host's and the cgroups', outermost first."""
    groups = cgroup.directories(files.proc_self_cgroup, files.proc_self_mountinfo)
    rows = []
    if total_bytes := _meminfo_bytes(files, "MemTotal"):
        rows.append(("host memory", total_bytes, total_bytes - host_reserve_bytes(total_bytes), False))
    for limit in reversed(cgroup.memory_limits(groups, files.cgroup_files)):
        left_bytes = max(0, limit.amount_bytes - container_reserve_bytes(limit.amount_bytes))
        rows.append((limit.source, limit.amount_bytes, left_bytes, False))
    return rows


def _process_limits(files: MachineFiles) -> list[tuple[str, int, int, bool]]:
    return [
        (source, limit_bytes, max(0, limit_bytes - untouched_bytes), True)
        for source, limit_bytes, untouched_bytes in (
            ("RLIMIT_AS", files.rlimit_as_bytes, UNTOUCHED_ADDRESS_SPACE_BYTES),
            ("RLIMIT_DATA", files.rlimit_data_bytes, UNTOUCHED_DATA_BYTES),
        )
        if limit_bytes is not None
    ]


def _plan(capability: Capability) -> Finding:
    slots, share_bytes = capability.slots, capability.memory_per_slot_bytes
    tiers = [tier_name(tier) for tier in TIERS_BYTES if tier <= share_bytes]
    seen = (
        f"a worker here has {slots} slot{'s' if slots > 1 else ''} of {format_bytes(share_bytes)} with "
        f"{capability.threads} thread{'s' if capability.threads > 1 else ''}{' each' if slots > 1 else ''}"
    )
    numbers = {"slots": slots, "memory_per_slot_bytes": share_bytes, "threads": capability.threads, "tiers": tiers}
    if share_bytes >= GIB:
        return Finding("slots", "ok", "memory", f"{seen}; serves queues of up to {tiers[-1]}", numbers=numbers)
    return Finding(
        "memory_small",
        "warning",
        "memory",
        f"{seen}, limited by {capability.memory_limited_by}.",
        f"TensorFlow takes 0.2 GB of that before a model, and the first call of many models 1 GB and more: such a "
        f"worker serves only queues of {' and '.join(tiers)}.",
        f"{raise_limit(capability.memory_limited_by)} to 2 GiB or more, or keep this machine for small models.",
        numbers=numbers,
    )


def _short(machine: Machine, capability: Capability) -> list[Finding]:
    planned_bytes = capability.slots * capability.memory_per_slot_bytes
    now = machine.now
    numbers = {"free_bytes": now.free_bytes, "limited_by": now.tightest, "planned_bytes": planned_bytes}
    free = f"{format_bytes(now.free_bytes)} free now ({now.tightest})"
    if now.free_bytes >= planned_bytes * _SHORT_SHARE:
        return [Finding("memory_free", "ok", "memory", free, numbers=numbers)]
    return [
        Finding(
            "memory_short",
            "warning",
            "memory",
            f"{free}, although {format_bytes(planned_bytes)} are planned for slots.",
            "Something else holds memory: batches get smaller, and near the limit the kernel kills.",
            "`ps -eo rss,comm --sort -rss | head` shows what does. A worker that runs here already is such a thing; "
            "else stop it, or start the worker with --memory.",
            numbers=numbers,
        )
    ]


def _swap(machine: Machine) -> list[Finding]:
    total_bytes = _meminfo_bytes(machine.files, "SwapTotal") or 0
    used_bytes = total_bytes - (_meminfo_bytes(machine.files, "SwapFree") or 0)
    if total_bytes == 0:
        return [Finding("swap", "ok", "memory", "no swap", numbers={"total_bytes": 0, "used_bytes": 0})]
    areas = [
        f"{name}: {format_bytes(int(used) * 1024)} of {format_bytes(int(size) * 1024)}"
        for name, size, used in _SWAP.findall(machine.swaps)
    ]
    numbers = {"total_bytes": total_bytes, "used_bytes": used_bytes}
    seen = f"{format_bytes(used_bytes)} of {format_bytes(total_bytes)} of swap in use"
    if used_bytes <= _IDLE_SWAP_BYTES:
        return [
            Finding("swap", "ok", "memory", f"{seen}; never counted as memory", details=tuple(areas), numbers=numbers)
        ]
    return [
        Finding(
            "swap_in_use",
            "warning",
            "memory",
            f"{seen}.",
            "A detector that swaps is slower than none: each image touches all of the model's weights and buffers. "
            "Vedette never counts swap as memory, but the kernel may push a slot into it when others fill the RAM.",
            "`grep VmSwap /proc/*/status | sort -k2 -n | tail` shows whose it is: stop that, start the worker with a "
            "smaller --memory, or keep it out of swap (systemd MemorySwapMax=0, docker --memory-swap equal to "
            "--memory); then `swapoff -a && swapon -a`.",
            details=tuple(areas),
            numbers=numbers,
        )
    ]


def _kernel(machine: Machine) -> list[Finding]:
    found = []
    if machine.overcommit_memory == 2:
        limit_bytes = _meminfo_bytes(machine.files, "CommitLimit") or 0
        committed_bytes = _meminfo_bytes(machine.files, "Committed_AS") or 0
        found.append(
            Finding(
                "overcommit_off",
                "warning",
                "memory",
                f"vm.overcommit_memory is 2: {format_bytes(committed_bytes)} of {format_bytes(limit_bytes)} promised.",
                "The kernel counts what programs map, not what they use, and a slot maps 2 GiB before a model. "
                "TensorFlow then fails as SIGSEGV or bad_alloc while memory is free.",
                "sysctl vm.overcommit_memory=0, or raise vm.overcommit_ratio.",
                numbers={"commit_limit_bytes": limit_bytes, "committed_bytes": committed_bytes},
            )
        )
    if machine.oom.group is None:
        found.append(
            Finding(
                "oom_count_unreadable",
                "note",
                "memory",
                "this cgroup does not count the kernel's kills for memory",
                "A slot that the kernel kills is known by its last memory sample"
                + (" and the whole machine's count." if machine.oom.host is not None else " alone."),
                numbers={"host_kills": machine.oom.host},
            )
        )
    elif machine.oom.group:
        found.append(
            Finding(
                "oom_kills",
                "note",
                "memory",
                f"the kernel has killed {machine.oom.group} process{'es' if machine.oom.group > 1 else ''} of this "
                "cgroup for memory since it was made",
                "The limit was reached before, by a worker or by something else in here; `dmesg` tells which.",
                numbers={"kills": machine.oom.group},
            )
        )
    return found


def _meminfo_bytes(files: MachineFiles, name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB", files.meminfo, re.MULTILINE)
    return None if found is None else int(found[1]) * 1024
