"""A row per worker: what it can do, and what it has done. The end of `vedette demo`."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from contract.memory import format_bytes
from contract.registry import Advert
from vedette.tables import table


def who_did_what(adverts: Sequence[Advert], tasks_done: Mapping[str, int]) -> Table:
    """`tasks_done`: by node."""
    rows = table("worker", "CPU level", "memory\nper slot", "slots ×\nthreads", "queues", "tasks\ndone")
    for advert in adverts:
        has = advert.capability
        rows.add_row(
            advert.node,
            has.cpu_level,
            format_bytes(has.memory_per_slot_bytes),
            f"{has.slots} × {has.threads}",
            " ".join(advert.queues) or "none yet",
            str(tasks_done.get(advert.node, 0)),
        )
    return rows
