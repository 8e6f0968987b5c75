"""How much memory the slots may use: the tightest of all limits, less what the rest of the machine needs.

Swap is never counted: a model that swaps is slower than no model. Two kinds of limit are kept apart. The host's memory
and every cgroup's bind all slots together; RLIMIT_AS and RLIMIT_DATA bind each process on its own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contract.memory import GIB, MIB
from workers.hardware.cgroup import Limit
from workers.hardware.errors import MachineUnsupported

#: What a slot has mapped but never touches, so that an address-space limit charges it and memory does not.
#: Measured with TensorFlow 2.21 after one op on 2 cores: 1.92 GB of address space, 0.27 GB of data; rounded up.
UNTOUCHED_ADDRESS_SPACE_BYTES: Final = 2 * GIB
UNTOUCHED_DATA_BYTES: Final = 320 * MIB


@dataclass(frozen=True)
class Memory:
    #: The tightest limit on all slots together, as the host or a cgroup states it.
    shared: Limit
    #: `shared` less the reserve.
    usable_bytes: int
    #: The tightest limit on one slot, less what a slot maps but does not touch; None without one.
    per_process: Limit | None = None


def measure_memory(
    meminfo: str, cgroup_limits: Sequence[Limit], rlimit_as_bytes: int | None, rlimit_data_bytes: int | None
) -> Memory:
    """`meminfo` is the text of /proc/meminfo; MachineUnsupported when it has no MemTotal."""
    total = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    if total is None:
        raise MachineUnsupported("/proc/meminfo has no MemTotal, so this machine's memory cannot be measured.")
    host = Limit(int(total[1]) * 1024, "host memory")
    usable = {host: host.amount_bytes - host_reserve_bytes(host.amount_bytes)}
    usable |= {limit: limit.amount_bytes - container_reserve_bytes(limit.amount_bytes) for limit in cgroup_limits}
    shared = min(usable, key=lambda limit: usable[limit])
    per_process = [
        Limit(max(0, limit_bytes - untouched_bytes), source)
        for limit_bytes, untouched_bytes, source in (
            (rlimit_as_bytes, UNTOUCHED_ADDRESS_SPACE_BYTES, "RLIMIT_AS"),
            (rlimit_data_bytes, UNTOUCHED_DATA_BYTES, "RLIMIT_DATA"),
        )
        if limit_bytes is not None
    ]
    return Memory(shared, max(0, usable[shared]), min(per_process, key=lambda limit: limit.amount_bytes, default=None))


def host_reserve_bytes(total_bytes: int) -> int:
    """5 % of a whole host, within 256 MiB … 4 GiB: kernel, system services, the worker's main process (120 MB).

    | host    | reserve  | usable   |
    |---------|----------|----------|
    | 2 GiB   | 256 MiB  | 1.75 GiB |
    | 8 GiB   | 410 MiB  | 7.6 GiB  |
    | 64 GiB  | 3.2 GiB  | 60.8 GiB |
    | 512 GiB | 4 GiB    | 508 GiB  |
    """
    return min(max(256 * MIB, total_bytes // 20), 4 * GIB)


def container_reserve_bytes(limit_bytes: int) -> int:
    """5 % of a cgroup's limit, within 192 MiB … 1 GiB: the main process, a decoded image on its way, page tables.

    | limit   | reserve  | usable   |
    |---------|----------|----------|
    | 1 GiB   | 192 MiB  | 832 MiB  |
    | 2 GiB   | 192 MiB  | 1.8 GiB  |
    | 8 GiB   | 410 MiB  | 7.6 GiB  |
    | 64 GiB  | 1 GiB    | 63 GiB   |
    """
    return min(max(192 * MIB, limit_bytes // 20), GIB)
