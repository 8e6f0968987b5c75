"""What Vedette itself costs: a real Redis, one real worker with one slot, and a model that costs nothing.

    python -m benchmarks.overhead --rounds 3

Latency: one client, closed loop, from `submit` of one image until its result is in hand. Worker: images per second of
one job in tasks of 16, from its creation to its end by Redis' clock, so with its submission beside it. Enqueue: a list
of references is submitted that no worker takes, in tasks of 32, the default. Redis bytes: `used_memory`, doorbells
included, per queued image. Status: of a job of so many queued images. Each round measures each once, one after the
other; shown are the medians of the rounds. Redis keeps nothing on disk. Images are PNGs of 8 × 8, references are paths
of 46 characters.

Exit code 1 when an image costs more than a fifth more, to submit or to ask about, at the most queued images than at the
fewest.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import redis
from rich.console import Console
from rich.table import Table

from benchmarks.claims import Claim, write_claims
from contract.connection import connect
from contract.ledger import JobStatus
from contract.settings import load_settings
from producer import Client
from tests.support.images import encode, scene
from tests.support.redis_server import redis_server
from tests.support.worker_process import ROOT, worker_process

TASK_IMAGES: Final = 16
#: How much dearer an image may be at the most queued images than at the fewest.
FLAT: Final = 1.2
#: Name of what is measured, of how many queued images (0: of none) -> one number for each round.
Figures = dict[tuple[str, int], list[float]]

LATENCY_MS: Final = "submit to result, p50, ms"
IMAGES_PER_S: Final = f"images/s of one worker, in tasks of {TASK_IMAGES}"
REFERENCES_PER_S: Final = "references/s enqueued"
BYTES: Final = "Redis bytes per queued image"
SUBMIT_US: Final = "submit, µs per image"
STATUS_US: Final = "status(), µs"
STATUS_LOOKS: Final = 500


@dataclass(frozen=True)
class Yard:
    #: Of the Redis with the worker, and of one without.
    client: Client
    idle_client: Client
    idle: redis.Redis
    image: Path


def references(count: int) -> list[str]:
    """Paths as long as people's are; nobody opens them."""
    return [f"/images/line-3/2026-11-24/part-{index:011d}.jpg" for index in range(count)]


def latency(at: Yard, count: int, figures: Figures) -> None:
    took_ms = []
    for _ in range(count):
        began_s = time.perf_counter()
        (result,) = at.client.submit([at.image], "tiny").results(timeout=30)
        took_ms.append(1000 * (time.perf_counter() - began_s))
        assert result.ok, result
    percentiles = quantiles(took_ms, n=100, method="inclusive")
    figures[LATENCY_MS, 0].append(percentiles[49])
    figures["submit to result, p99, ms", 0].append(percentiles[98])


def throughput(at: Yard, count: int, figures: Figures) -> None:
    status = at.client.submit([at.image] * count, "tiny", batch_size=TASK_IMAGES).wait(timeout=600)
    assert status.succeeded == count, status
    assert status.finished is not None, status
    took_s = (status.finished - status.created).total_seconds()
    figures[IMAGES_PER_S, 0].append(count / took_s)


def enqueue(at: Yard, count: int, figures: Figures) -> None:
    """The Redis without a worker has the model and nothing else, before and after."""
    images, before_bytes = references(count), used_bytes(at.idle)
    began_s = time.perf_counter()
    job = at.idle_client.submit(images, "tiny", allow_waiting=True)
    took_s = time.perf_counter() - began_s
    figures[REFERENCES_PER_S, count].append(count / took_s)
    figures[SUBMIT_US, count].append(1e6 * took_s / count)
    figures[BYTES, count].append((used_bytes(at.idle) - before_bytes) / count)
    for _ in range(STATUS_LOOKS):  # after a short submission both processes are still faster than they stay
        job.status()
    figures[STATUS_US, count].append(median(_took_us(job.status) for _ in range(STATUS_LOOKS)))
    job.cancel()
    for key in at.idle.scan_iter(count=10_000):
        if not key.startswith(b"vedette:model"):
            at.idle.delete(key)


def _took_us(status: Callable[[], JobStatus]) -> float:
    began_s = time.perf_counter()
    status()
    return 1e6 * (time.perf_counter() - began_s)


def used_bytes(server: redis.Redis) -> int:
    return int(server.info("memory")["used_memory"])


@contextmanager
def yard(folder: Path) -> Iterator[Yard]:
    store, image = folder / "models", folder / "image.png"
    # In a process of its own: TensorFlow's threads have no business in that of the clients.
    build = (
        f"from pathlib import Path; from tests.support.tiny_model import build_tiny_model as b; b(Path({str(store)!r}))"
    )
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    image.write_bytes(encode(scene(8, 8), "PNG"))
    for name in ("worked", "idle"):
        (folder / name).mkdir()
    with redis_server(folder / "worked") as url, redis_server(folder / "idle") as idle_url:
        settings = load_settings(redis_url=url, model_store=store, image_roots=(folder,), task_images=TASK_IMAGES)
        idle_settings = load_settings(redis_url=idle_url)
        with (
            worker_process(folder, settings, "bench", "-c", "1", "-I", "benchmarks.null_model"),
            Client(settings=settings) as client,
            Client(settings=idle_settings) as idle_client,
            connect(idle_settings, binary=True) as idle,
            connect(settings, binary=True) as worked,
        ):
            for key in worked.scan_iter("vedette:model*"):
                idle.restore(key, 0, worked.dump(key))
            yield Yard(client, idle_client, idle, image)


def measured(rounds: int, singles: int, images: int, queued: Sequence[int]) -> Figures:
    figures, warm_up = defaultdict[tuple[str, int], list[float]](list), defaultdict[tuple[str, int], list[float]](list)
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name, yard(Path(name)) as at:
        latency(at, 20, warm_up)  # the slot loads the model
        enqueue(at, min(queued), warm_up)  # connections and scripts take memory once
        for _ in range(rounds):
            latency(at, singles, figures)
            throughput(at, images, figures)
            for count in queued:
                enqueue(at, count, figures)
    return figures


def grown(figures: Mapping[tuple[str, int], Sequence[float]]) -> list[str]:
    """What costs more than a fifth more at the most queued images than at the fewest; empty when nothing does."""
    counts = sorted({count for _, count in figures if count})
    told = []
    for name in (SUBMIT_US, STATUS_US):
        least, most = (median(figures[name, count]) for count in (counts[0], counts[-1]))
        if most > FLAT * least:
            told.append(f"{name}: {least:.0f} at {counts[0]:,} queued images, {most:.0f} at {counts[-1]:,}")
    return told


def claims(figures: Mapping[tuple[str, int], Sequence[float]]) -> list[Claim]:
    """Of the medians; what depends on how much is queued, where it is the most."""
    most, least = max(count for _, count in figures), min(count for _, count in figures if count)
    found = [
        Claim("null model: submit to result, p50", median(figures[LATENCY_MS, 0]), at_most=5, unit="ms"),
        Claim(f"null model: {IMAGES_PER_S}", median(figures[IMAGES_PER_S, 0]), 2000, unit="images/s"),
        Claim(f"{most:,} references, one client", median(figures[REFERENCES_PER_S, most]), 20_000, unit="references/s"),
        Claim(f"Redis per queued image, {most:,} of them", median(figures[BYTES, most]), at_most=300, unit="bytes"),
    ]
    for name, called in ((SUBMIT_US, "an image to submit"), (STATUS_US, "a job's progress to ask for")):
        ratio = median(figures[name, most]) / median(figures[name, least])
        found.append(Claim(f"cost of {called}: {most:,} queued against {least:,}", ratio, at_most=FLAT))
    return found


def table(figures: Mapping[tuple[str, int], Sequence[float]]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for heading in ("measured", "queued", "median", "least", "most"):
        shown.add_column(heading, justify="left" if heading == "measured" else "right")
    for (name, count), values in sorted(figures.items(), key=lambda item: (item[0][1] > 0, *item[0])):
        numbers = (median(values), min(values), max(values))
        shown.add_row(name, f"{count:,}" if count else "", *(f"{number:,.1f}" for number in numbers))
    return shown


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--singles", type=int, default=200, help="images of the closed loop, per round")
    options.add_argument("--images", type=int, default=4000, help="images of the job for the worker, per round")
    options.add_argument("--queued", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    options.add_argument("--claims", type=Path, help="also write the figures to this file")
    given = options.parse_args()
    before = os.getloadavg()[0]
    figures = measured(given.rounds, given.singles, given.images, given.queued)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; load {before:.1f} before, {os.getloadavg()[0]:.1f} after; {given.rounds} rounds\n")
    Console(width=100, highlight=False).print(table(figures))
    write_claims(given.claims, claims(figures))
    for wrong in grown(figures):
        print(f"grown   {wrong}")
    return 1 if grown(figures) else 0


if __name__ == "__main__":
    sys.exit(main())
