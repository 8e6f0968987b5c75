"""Takes the pictures of Flower and of the fleet page in docs/images, with a real run behind them: `make screenshots`.

Needs a Chromium or Chrome on PATH. Starts a stack of its own on free ports, lets it work, kills a slot in the middle so
that there is something to see, and stops what it started.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil

from producer import Client
from producer.job import Job
from vedette.stack import Stack, WorkerPlan

IMAGES: Final = Path(__file__).parent / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
WORKERS: Final = (
    WorkerPlan("small", ("--memory", "1g", "--slots", "1", "--threads", "1")),
    WorkerPlan("large", ("--memory", "4g", "--slots", "1", "--threads", "1")),
)
#: Of a page on a desk, on a wide one and on a phone, width × height in CSS pixels.
DESK: Final = (1280, 600)
WIDE: Final = (1720, 700)
PHONE: Final = (412, 1000)
#: Pages ask for their data when they are there; in the browser's own time, which passes as quickly as it can.
_PAGE_MS: Final = 9000
_FILE_BYTES_MAX: Final = 200_000


def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"error: no browser on PATH, looked for {', '.join(BROWSERS)} (Debian: apt install chromium)")
    return found


def shoot(url: str, target: Path, size: tuple[int, int] = DESK) -> None:
    """A picture of the page at `url` in `target`, PNG."""
    with tempfile.TemporaryDirectory() as profile:
        quiet = ("disable-quic", "no-first-run", "disable-background-networking", "disable-component-update")
        command = [
            *(browser(), "--headless", "--disable-gpu", "--disable-sync", *(f"--{option}" for option in quiet)),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *(f"--user-data-dir={profile}", "--hide-scrollbars", f"--window-size={size[0]},{size[1]}"),
            *(f"--virtual-time-budget={_PAGE_MS}", f"--screenshot={target}", url),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
    size_bytes = target.stat().st_size
    if not 5_000 < size_bytes < _FILE_BYTES_MAX:
        raise SystemExit(f"error: {target} has {size_bytes} bytes: empty, or too large for the documents")
    print(f"{target}  {size_bytes // 1000} kB")


def plates(folder: Path, count: int) -> list[Path]:
    import cv2

    from vedette.plates import render_plate

    paths = [folder / f"plate-{number:02}.png" for number in range(count)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), render_plate(100 + number, 800, 600).image)
    return paths


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


def work(client: Client, images: Sequence[Path]) -> None:
    """Some jobs that end, one that loses a slot on its way, and one that goes on while pictures are taken."""
    client.submit(images[:6], "defects-small").wait(timeout=300)
    unlucky = client.submit([*images] * 2, "defects-large", batch_size=4)
    lose_a_slot(unlucky)
    client.submit([*images[:5], images[0].with_name("gone.png")], "defects-small").wait(timeout=300)
    unlucky.wait(timeout=600)
    client.submit([*images] * 40, "defects-large")
    time.sleep(15)  # so that rates are those of work


def main() -> None:
    browser()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        images = plates(folder, 12)
        stack = Stack(folder / "stack", WORKERS, 6393, 5593, 8093, on_ready=lambda *what: print(*what))
        with stack, Client(stack.broker_url) as client:
            work(client, images)
            large = next(advert.node for advert in client.fleet() if advert.node.startswith("large@"))
            shoot(f"{stack.flower_url}/tasks", IMAGES / "flower-tasks.png", WIDE)
            shoot(f"{stack.flower_url}/worker/{quote(large)}#tab-other", IMAGES / "flower-worker.png")
            shoot(f"{stack.gateway_url}/fleet", IMAGES / "fleet.png")
            shoot(f"{stack.gateway_url}/fleet", IMAGES / "fleet-phone.png", PHONE)


if __name__ == "__main__":
    sys.exit(main())
