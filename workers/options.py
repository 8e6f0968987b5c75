"""Worker options of Vedette. Each can only cap what was measured: a machine does not grow by being told to."""

from typing import Any, Final

import click

from contract.memory import parse_bytes
from workers.hardware.plan import Caps


class _Amount(click.ParamType[int]):
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_bytes(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


WORKER_OPTIONS: Final = (
    click.Option(["--memory"], type=_Amount(), help="Memory that all slots together may use: 4g, 1.5g, 512m."),
    click.Option(["--slots"], type=click.IntRange(min=1), help="Slots: processes that each run TensorFlow."),
    click.Option(["--threads"], type=click.IntRange(min=1), help="TensorFlow threads of one slot."),
    click.Option(["--cpu"], help="Highest CPU level to offer: x86_64_v3, armv8.2a, …"),
)


def caps_from(options: dict[str, Any]) -> Caps:
    """The operator's caps. Celery's own --concurrency counts as --slots, so that known habits keep working."""
    return Caps(
        memory_bytes=options.get("memory"),
        slots=options.get("slots") or options.get("concurrency"),
        threads=options.get("threads"),
        cpu=options.get("cpu"),
    )
