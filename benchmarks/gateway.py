"""Many clients that each send one image after the other to a gateway: what they are answered, how soon, at what memory.

    python -m benchmarks.gateway --clients 200 --seconds 60                         # brings its own stack and plates
    python -m benchmarks.gateway --url http://127.0.0.1:8080 --image /images/a.jpg  # one that runs

Answers other than 200, 429 and 504 are mistakes, and the exit code is 1. A client that is told 429 does not wait.
"""

import argparse
import asyncio
import math
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from contract.memory import format_bytes

PROMISED = {200, 429, 504}
#: A refusal costs nothing; without a pause a client would do nothing but be refused.
_AFTER_REFUSAL_S = 0.1


@dataclass
class Seen:
    statuses: Counter[str] = field(default_factory=Counter)
    #: Of the answers with detections.
    seconds: list[float] = field(default_factory=list)
    #: Largest resident memory of the gateway's process, where it is known.
    memory_bytes: int = 0

    @property
    def mistakes(self) -> int:
        return sum(count for status, count in self.statuses.items() if status not in map(str, PROMISED))


async def client(http: httpx.AsyncClient, body: dict[str, str], deadline_s: float, until: float, seen: Seen) -> None:
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            answer = await http.post("/v1/detect", params={"deadline_s": deadline_s}, json=body)
        except httpx.HTTPError as error:
            seen.statuses[type(error).__name__] += 1
            continue
        seen.statuses[str(answer.status_code)] += 1
        if answer.status_code == 200:
            seen.seconds.append(time.monotonic() - began)
        else:
            await asyncio.sleep(_AFTER_REFUSAL_S)


async def watch(gateway: psutil.Process | None, until: float, seen: Seen) -> None:
    while gateway is not None and time.monotonic() < until:
        seen.memory_bytes = max(seen.memory_bytes, gateway.memory_info().rss)
        await asyncio.sleep(0.2)


async def load(
    url: str, body: dict[str, str], clients: int, seconds: float, deadline_s: float, gateway: psutil.Process | None
) -> Seen:
    seen, until = Seen(), time.monotonic() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=deadline_s + 30, limits=limits) as http:
        asking = (client(http, body, deadline_s, until, seen) for _ in range(clients))
        await asyncio.gather(watch(gateway, until, seen), *asking)
    return seen


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def report(seen: Seen, seconds: float) -> str:
    told = ", ".join(f"{count} × {status}" for status, count in sorted(seen.statuses.items()))
    lines = [f"answers   {told or 'none'}", f"images    {len(seen.seconds) / seconds:.1f}/s"]
    if seen.seconds:
        mean = statistics.fmean(seen.seconds)
        p50, p99 = (percentile(seen.seconds, share) for share in (0.5, 0.99))
        lines.append(f"latency   p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, mean {mean * 1000:.0f} ms")
    if seen.memory_bytes:
        lines.append(f"memory    {format_bytes(seen.memory_bytes)} of the gateway at most")
    return "\n".join(lines)


@contextmanager
def own_stack() -> Iterator[tuple[str, str, psutil.Process]]:
    """URL of a gateway, path of a plate, the gateway's process."""
    import cv2

    from vedette.plates import render_plate
    from vedette.stack import Stack, WorkerPlan

    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        plate = Path(folder) / "plate.png"
        cv2.imwrite(str(plate), render_plate(1_500_001, 640, 480).image)
        stack = Stack(
            Path(folder) / "stack",
            [WorkerPlan("bench")],
            6391,
            flower_port=None,
            gateway_port=8090,
            image_roots=[Path(folder)],
        )
        with stack:
            assert stack.gateway_url is not None, "pip install 'vedette[gateway]'"
            yield stack.gateway_url, str(plate), gateway_at(stack.gateway_url)


def gateway_at(url: str) -> psutil.Process:
    port = httpx.URL(url).port
    for process in psutil.Process().children(recursive=True):
        if "gateway" in process.cmdline() and str(port) in process.cmdline():
            return process
    raise LookupError(f"no child of this process serves {url}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--deadline-s", type=float, default=10)
    options.add_argument("--model", default="defects-small")
    options.add_argument("--url", help="of a gateway that runs; --image is then needed too")
    options.add_argument("--image", help="a path that its workers can read")
    given = options.parse_args()
    if given.url is None:
        with own_stack() as (url, image, gateway):
            seen = run(given, url, image, gateway)
    else:
        seen = run(given, given.url, given.image, None)
    print(report(seen, given.seconds))
    return 1 if seen.mistakes else 0


def run(given: argparse.Namespace, url: str, image: str, gateway: psutil.Process | None) -> Seen:
    body = {"image": image, "model": given.model}
    return asyncio.run(load(url, body, given.clients, given.seconds, given.deadline_s, gateway))


if __name__ == "__main__":
    sys.exit(main())
