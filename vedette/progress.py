"""How a run shows that it goes on: a bar on a terminal, a line now and then elsewhere. Both write to stderr."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from vedette.summary import duration

#: Between two lines where there is no terminal.
LINE_EVERY_S: Final = 10.0


class Progress(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, done: int, failed: int, total: int) -> None:
        """Where the run stands now; called many times a second."""

    def note(self, text: str) -> None:
        """Something to be read, once."""


def progress_on_stderr() -> Progress:
    console = Console(stderr=True)
    return Bar(console) if console.is_terminal else Lines(lambda text: click.echo(text, err=True))


class Bar:
    def __init__(self, console: Console) -> None:
        self._rich = RichProgress(
            SpinnerColumn(),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} images"),
            _Speed(),
            TimeRemainingColumn(),
            TextColumn("[red]{task.fields[failures]}"),
            console=console,
        )
        self._task = self._rich.add_task("detect", total=0, failures="")

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rich.stop()

    def show(self, done: int, failed: int, total: int) -> None:
        self._rich.update(self._task, completed=done, total=total, failures=f"{failed} failed" if failed else "")

    def note(self, text: str) -> None:
        self._rich.console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} images/s")


class Lines:
    """A line when it begins, every `LINE_EVERY_S` when something was done, and at the end."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._began_s = clock()
        self._last_s = float("-inf")
        self._last_done = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, done: int, failed: int, total: int) -> None:
        now_s = self._clock()
        due = now_s - self._last_s >= LINE_EVERY_S or done == total
        if done == self._last_done or not due:
            return
        self._last_s, self._last_done = now_s, done
        self._write(progress_line(done, failed, total, now_s - self._began_s))

    def note(self, text: str) -> None:
        self._write(text)


def progress_line(done: int, failed: int, total: int, elapsed_s: float) -> str:
    """`120/200 images, 3 failed, 14.2 images/s, 6 s left`."""
    parts = [f"{done}/{total} images"]
    if failed:
        parts.append(f"{failed} failed")
    if done and elapsed_s > 0:
        speed = done / elapsed_s
        parts.append(f"{speed:.1f} images/s")
        if done < total:
            parts.append(f"{duration((total - done) / speed)} left")
    return ", ".join(parts)
