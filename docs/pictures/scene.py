"""What stands before the camera: plates, two unlike workers, and work on which something goes wrong."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from producer import Client
from producer.job import Job
from vedette.stack import Stack, WorkerPlan

WORKERS: Final = (
    WorkerPlan("small", ("--memory", "1g", "--slots", "1", "--threads", "1")),
    WorkerPlan("large", ("--memory", "4g", "--slots", "1", "--threads", "1")),
)


def plates(folder: Path, count: int = 12, width_px: int = 800, height_px: int = 600) -> list[Path]:
    import cv2

    from vedette.plates import render_plate

    paths = [folder / f"plate-{number:02}.png" for number in range(count)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), render_plate(100 + number, width_px, height_px).image)
    return paths


@contextmanager
def running(
    folder: Path, workers: Sequence[WorkerPlan] = WORKERS, *, pages: bool = True
) -> Iterator[tuple[Stack, Client]]:
    """A stack that may read `folder`, with Flower and the gateway if `pages`."""
    stack = Stack(
        folder / "stack",
        workers,
        redis_port=6393,
        flower_port=5593 if pages else None,
        gateway_port=8093 if pages else None,
        image_roots=[folder],
        on_ready=lambda *what: print(" ", *what),
    )
    with stack, Client(stack.broker_url) as client:
        yield stack, client


def work(client: Client, images: Sequence[Path]) -> None:
    """Some jobs that end, one that loses a slot on its way, and one that goes on while pictures are taken."""
    client.submit(images[:6], "defects-small").wait(timeout=300)
    unlucky = client.submit([*images] * 2, "defects-large", batch_size=4)
    lose_a_slot(unlucky)
    client.submit([*images[:5], images[0].with_name("gone.png")], "defects-small").wait(timeout=300)
    unlucky.wait(timeout=600)
    client.submit([*images] * 40, "defects-large")
    time.sleep(15)  # so that rates are those of work


def lose_a_slot(job: Job) -> None:
    """Kills the slot that is at the job, as an operator or the kernel might."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        busiest = max(_slots(), key=lambda slot: slot.cpu_percent(0.2), default=None)
        if busiest is not None and job.status().succeeded:
            busiest.send_signal(signal.SIGKILL)
            return
    raise SystemExit("error: no slot began to work")


def _slots() -> list[psutil.Process]:
    workers = [child for child in psutil.Process().children() if "worker" in child.cmdline()]
    return [slot for worker in workers for slot in worker.children()]
