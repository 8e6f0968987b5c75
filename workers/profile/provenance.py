"""Where a number comes from: the command, the machine, the day. Every figure in a model.toml carries one of these."""

import datetime
import re

from contract.capability import Capability
from contract.memory import GIB
from workers.hardware.files import read_machine
from workers.hardware.probe import measure_cores, measure_cpu


def measured(command: str) -> dict[str, str]:
    """The `measured` table of model.toml for something that `command` has just found out on this machine."""
    return {"command": command, "machine": machine(), "date": datetime.datetime.now(datetime.UTC).date().isoformat()}


def slot_here(threads: int) -> Capability:
    """A slot with so many threads on this machine, as far as an engine class goes: its memory is not asked for."""
    cpu = measure_cpu(read_machine())
    return Capability(
        cpu_level=cpu.level, cpu_features=cpu.features, memory_per_slot_bytes=GIB, slots=1, threads=threads
    )


def machine() -> str:
    """Such as "AMD EPYC, 2 cores, 24 GiB RAM": what a figure depends on, and no name of a host."""
    files = read_machine()
    cores = measure_cores(files)
    total = re.search(r"^MemTotal:\s+(\d+) kB", files.meminfo, re.MULTILINE)
    memory = f", {int(total[1]) * 1024 / GIB:.0f} GiB RAM" if total else ""
    return f"{measure_cpu(files).name}, {cores} core{'s' if cores > 1 else ''}{memory}"
