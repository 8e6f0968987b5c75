"""What was tried with a task, one attempt a row: for `vedette why` and `vedette dead show`."""

from collections.abc import Sequence

from rich.table import Table

from contract.memory import format_bytes
from producer import Attempt
from producer.why.answer import Tried
from vedette.tables import table, verbatim


def attempts_table(attempts: Sequence[Attempt] | Sequence[Tried]) -> Table:
    rows = table("attempt", "ended (UTC)", "took", "worker", "batch", "memory", "verdict", "detail", "what followed")
    for attempt in attempts:
        rows.add_row(
            str(attempt.attempt),
            f"{attempt.ended:%Y-%m-%d %H:%M:%S}",
            f"{attempt.seconds:.1f} s" if attempt.seconds is not None else "",
            verbatim(attempt.worker),
            str(attempt.batch_size),
            format_bytes(attempt.peak_bytes) if attempt.peak_bytes is not None else "",
            attempt.verdict or "",
            verbatim(attempt.detail),
            verbatim(attempt.outcome),
        )
    return rows
