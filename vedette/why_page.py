"""An answer to `vedette why`, for people: the reason, what to do, then the facts. Pure: lines and tables."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.table import Table

from contract.memory import format_bytes
from producer.why import Answer
from producer.why.answer import GoneWorker, WorkerStand
from producer.why.words import count, duration, needs_in_words
from vedette.attempts_table import attempts_table
from vedette.tables import table, verbatim

_WORKERS_MAX: Final = 20
_ATTEMPTS_MAX: Final = 20
_INDENT: Final = "  "


def page(answer: Answer) -> Iterator[str | Table]:
    """Lines and tables from top to bottom."""
    yield answer.headline
    yield from _remedies(answer)
    yield ""
    for name, text in _facts(answer):
        yield f"{name:<10}{text}"
    if answer.workers and answer.state in ("waiting", "running", "ready", "unserved"):
        yield ""
        yield _workers(_interesting(answer.workers), answer.asked)
        more = len(answer.workers) - _WORKERS_MAX
        if more > 0:
            yield f"… and {more} more; --json has all"
    gone = [past for past in answer.gone if past.fitted]
    if gone and answer.state in ("waiting", "unserved"):
        yield ""
        yield from (_gone(past, answer.asked) for past in gone[:_WORKERS_MAX])
    if answer.attempts:
        yield ""
        yield attempts_table(answer.attempts[-_ATTEMPTS_MAX:])
        more = len(answer.attempts) - _ATTEMPTS_MAX
        if more > 0:
            yield f"… and {more} before that; --json has all"


def _remedies(answer: Answer) -> Iterator[str]:
    """What the headline left out, and after each reason what to do."""
    for place, reason in enumerate(answer.reasons):
        if place and reason.text not in answer.headline:
            yield f"{_INDENT}also: {reason.text}"
        if reason.remedy:
            yield f"{_INDENT}do: {reason.remedy}"


def _facts(answer: Answer) -> Iterator[tuple[str, str]]:
    if answer.job is not None:
        yield "job", answer.job
    if answer.kind == "task":
        yield "task", answer.name
    if answer.model:
        yield "model", answer.model
    if answer.images is not None:
        images = answer.images
        failed = f", {images.failed} of them failed" if images.failed else ""
        yield "images", f"{images.succeeded + images.failed} of {images.total} done{failed}"
    if answer.tasks is not None and answer.tasks.running + answer.tasks.waiting:
        yield "tasks", f"{answer.tasks.running} running, {answer.tasks.waiting} waiting, of {answer.tasks.total}"
    for queue in answer.queues:
        needs = f"; needs {needs_in_words(queue.needs)}" if queue.needs is not None else ""
        oldest = f", the oldest for {duration(queue.oldest_s)}" if queue.oldest_s is not None else ""
        waits = f"{count(queue.images, 'image')} in {count(queue.tasks, 'task')}{oldest}" if queue.tasks else "empty"
        yield "queue", f"{queue.name}: {waits}{needs}"
    if answer.since is not None:
        yield "since", f"{answer.since:%Y-%m-%d %H:%M:%S} UTC"


def _interesting(workers: Sequence[WorkerStand]) -> Sequence[WorkerStand]:
    """Those that fit come first, then the largest of the others."""
    return sorted(workers, key=lambda worker: (not worker.fits, -worker.memory_per_slot_bytes))[:_WORKERS_MAX]


def _workers(workers: Sequence[WorkerStand], now: datetime) -> Table:
    rows = table("worker", "fits", "memory per slot", "CPU level", "busy", "at")
    for worker in workers:
        at = [f"{each.model or each.task} of {each.job}{_for(each.since, now)}" for each in worker.at]
        rows.add_row(
            verbatim(worker.node),
            "yes" if worker.fits else verbatim(f"no: {worker.why_not}"),
            format_bytes(worker.memory_per_slot_bytes),
            worker.cpu_level,
            f"{worker.slots_busy} of {worker.slots}",
            verbatim(", ".join(at)),
        )
    return rows


def _for(since: datetime | None, now: datetime) -> str:
    return f" for {duration((now - since).total_seconds())}" if since is not None else ""


def _gone(past: GoneWorker, now: datetime) -> str:
    ago = duration((now - past.last_seen).total_seconds())
    return f"{past.node} fitted, and {'left' if past.left else 'was last seen'} {ago} ago"
