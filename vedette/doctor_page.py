"""The doctor's report as a page: facts by topic, then notes, warnings and problems, the worst last and so in sight."""

import platform
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from workers.doctor.finding import Finding, Level, Report

#: Where there is no terminal: wide enough for most lines, narrow enough for a ticket or a mail.
_WIDTH: Final = 120

_HEADINGS: "Final[tuple[tuple[Level, str, str], ...]]" = (
    ("note", "Notes", "cyan"),
    ("warning", "Warnings", "yellow"),
    ("problem", "Problems", "bold red"),
)


def print_page(report: "Report", model: str | None) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    with console.capture() as page:
        console.print(f"Vedette doctor: {platform.node()}\n", markup=False)
        console.print(_facts(report))
        for level, heading, style in _HEADINGS:
            if found := report.at(level):
                console.print(Text(f"\n{heading}", style=style))
            for finding in found:
                console.print(Padding(Text(finding.code, style=style), (0, 0, 0, 2)))
                console.print(Padding(_explained(finding), (0, 0, 0, 4)))
        console.print(Text(f"\n{conclusion(report, model)}", style="bold green" if report.healthy else "bold red"))
    for line in page.get().splitlines():  # rich fills the cells of a table with blanks
        click.echo(line.rstrip())


def conclusion(report: "Report", model: str | None) -> str:
    what = "a worker" if model is None else f"a worker with {model}"
    counts = ", ".join(_counted(report))
    if report.healthy:
        return f"Healthy: {what} can run here" + (f"; {counts}." if counts else ".")
    return f"Not healthy: {what} cannot run here as things are; {counts}."


def _facts(report: "Report") -> Table:
    from workers.doctor.finding import TOPICS

    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True, style="bold")
    rows.add_column(overflow="fold")
    for topic in TOPICS:
        label: str = topic
        for finding in report.about(topic):
            if finding.level == "ok":
                rows.add_row(label, Text(finding.seen))
                for line in (*finding.details, *([finding.why] if finding.why else [])):
                    rows.add_row("", Padding(Text(line, style="dim"), (0, 0, 0, 2)))
                label = ""
    return rows


def _explained(finding: "Finding") -> Table:
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for label, text in (("seen", finding.seen), ("why", finding.why), ("do", finding.remedy)):
        if text:
            rows.add_row(Text(label, style="dim"), Text(" ".join(text.split())))
    for line in finding.details:
        rows.add_row("", Text(line, style="dim"))
    return rows


def _counted(report: "Report") -> Iterator[str]:
    for level in ("problem", "warning", "note"):
        if count := len(report.at(level)):
            yield f"{count} {level}{'s' if count > 1 else ''}"
