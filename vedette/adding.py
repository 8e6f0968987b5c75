"""How `vedette models add` and `profile` tell where they are: a line for each step, a moving one on a terminal."""

import sys
import time
from types import TracebackType
from typing import Final, Self

import click

from contract.memory import format_bytes
from workers.adding import Told
from workers.hardware.files import read_machine
from workers.hardware.plan import Caps
from workers.hardware.probe import measure

_WIDTH: Final = 10
#: Between two looks at a download.
_EVERY_S: Final = 0.2


class Narration:
    """`fetch     … 12 of 44 MiB` as it happens, on stderr; what a step came to stays, on stdout."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._shown_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._wipe()

    def tell(self, told: Told) -> None:
        if told.done:
            self._wipe()
            click.echo(f"{told.step:<{_WIDTH}}{told.text}")
        elif told.bytes is not None:
            if time.monotonic() - self._shown_s > _EVERY_S:
                self._shown_s = time.monotonic()
                self._move(f"{told.step:<{_WIDTH}}{_amount(*told.bytes)}")
        elif told.text:
            self._wipe()
            click.echo(f"{'':<{_WIDTH}}{told.text}")
            self._move(f"{told.step:<{_WIDTH}}…")
        else:
            self._move(f"{told.step:<{_WIDTH}}…")

    def _move(self, text: str) -> None:
        if self._moving:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    def _wipe(self) -> None:
        if self._moving:
            click.echo("\r\x1b[K", nl=False, err=True)


def slot_threads() -> int:
    """Of a slot, if a worker were started here without options."""
    return measure(read_machine(), Caps()).threads


def _amount(done_bytes: int, total_bytes: int | None) -> str:
    if total_bytes is None:
        return format_bytes(done_bytes)
    return f"{format_bytes(done_bytes)} of {format_bytes(total_bytes)}"
