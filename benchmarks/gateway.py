"""Many clients that each send one image after the other to a gateway: what they are answered, how soon, at what memory.

    python -m benchmarks.gateway --clients 200 --seconds 60                         # brings its own stack and plates
    python -m benchmarks.gateway --url http://127.0.0.1:8080 --image /images/a.jpg  # one that runs

Exit code 1 when an answer was none of 200, 429 and 504, none was 200, or the gateway's memory kept growing. A client
that is told 429 comes back after Retry-After, or with --impatient after a tenth of a second.
"""

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from contract.memory import MIB, format_bytes

PROMISED = {"200", "429", "504"}
#: A refusal costs nothing; without a pause a client would do nothing but be refused.
_AFTER_REFUSAL_S = 0.1
#: Memory of the last quarter against that of the second: what counts as growing.
_GROWTH, _GROWTH_BYTES = 1.1, 16 * MIB


@dataclass
class Seen:
    #: Seconds until each answer, by its status or the name of the error.
    answers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: Resident memory of the gateway's process, as time went by; empty where it is not known.
    memory_bytes: list[int] = field(default_factory=list)


async def client(
    http: httpx.AsyncClient, body: dict[str, str], deadline_s: float, until: float, seen: Seen, *, impatient: bool
) -> None:
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            answer = await http.post("/v1/detect", params={"deadline_s": deadline_s}, json=body)
        except httpx.HTTPError as error:
            seen.answers[type(error).__name__].append(time.monotonic() - began)
            continue
        seen.answers[str(answer.status_code)].append(time.monotonic() - began)
        if answer.status_code != 200:
            told_s = float(answer.headers.get("retry-after", _AFTER_REFUSAL_S))
            left_s = max(0.0, until - time.monotonic())
            await asyncio.sleep(_AFTER_REFUSAL_S if impatient else min(told_s, left_s))


async def watch(gateway: psutil.Process | None, until: float, seen: Seen) -> None:
    while gateway is not None and time.monotonic() < until:
        seen.memory_bytes.append(gateway.memory_info().rss)
        await asyncio.sleep(0.2)


async def load(
    url: str,
    body: dict[str, str],
    clients: int,
    seconds: float,
    deadline_s: float,
    gateway: psutil.Process | None,
    *,
    impatient: bool = False,
) -> Seen:
    seen, until = Seen(), time.monotonic() + seconds
    async with AsyncExitStack() as opened:
        # One pool each: one for all looks at every connection for every request, and measures itself.
        tls = httpx.create_ssl_context()
        own = [httpx.AsyncClient(base_url=url, timeout=deadline_s + 30, verify=tls) for _ in range(clients)]
        for http in own:
            await opened.enter_async_context(http)
        asking = (client(http, body, deadline_s, until, seen, impatient=impatient) for http in own)
        await asyncio.gather(watch(gateway, until, seen), *asking)
    return seen


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def grows(memory_bytes: Sequence[int]) -> bool:
    """Whether it was still growing at the end: a leak, and not what the first requests took."""
    quarter = len(memory_bytes) // 4
    if not quarter:
        return False
    second, last = memory_bytes[quarter : 2 * quarter], memory_bytes[-quarter:]
    return max(last) > _GROWTH * max(second) + _GROWTH_BYTES


def wrongs(seen: Seen) -> list[str]:
    """What was not as promised; empty when all was."""
    told = [
        f"{len(seconds)} × {status}, which nobody promised"
        for status, seconds in sorted(seen.answers.items())
        if status not in PROMISED
    ]
    if not seen.answers.get("200"):
        told.append("no image was answered")
    if grows(seen.memory_bytes):
        told.append("the gateway's memory was still growing at the end")
    return told


def table(seen: Seen) -> Table:
    total = sum(map(len, seen.answers.values()))
    answers = Table(box=None, pad_edge=False)
    for heading in ("answer", "count", "share", "p50", "p99", "max"):
        answers.add_column(heading, justify="left" if heading == "answer" else "right")
    for status, seconds in sorted(seen.answers.items()):
        times = (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds))
        answers.add_row(
            status, str(len(seconds)), f"{len(seconds) / total:.1%}", *(f"{each * 1000:.0f} ms" for each in times)
        )
    return answers


def summary(seen: Seen, seconds: float) -> str:
    lines = [f"images  {len(seen.answers.get('200', ())) / seconds:.1f}/s"]
    if seen.memory_bytes:
        first, most = seen.memory_bytes[0], max(seen.memory_bytes)
        lines.append(f"memory  of the gateway: {format_bytes(first)} at the start, {format_bytes(most)} at most")
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
    options.add_argument("--impatient", action="store_true", help="pass over Retry-After")
    options.add_argument("--url", help="of a gateway that runs; --image is then needed too")
    options.add_argument("--image", help="a path that its workers can read")
    given = options.parse_args()
    if given.url is None:
        with own_stack() as (url, image, gateway):
            seen = run(given, url, image, gateway)
    else:
        seen = run(given, given.url, given.image, None)
    print(f"{given.clients} clients for {given.seconds:g} s, deadline {given.deadline_s:g} s, {given.model}\n")
    Console(width=100, highlight=False).print(table(seen))
    print(f"\n{summary(seen, given.seconds)}")
    for wrong in wrongs(seen):
        print(f"wrong   {wrong}")
    return 1 if wrongs(seen) else 0


def run(given: argparse.Namespace, url: str, image: str, gateway: psutil.Process | None) -> Seen:
    body = {"image": image, "model": given.model}
    return asyncio.run(
        load(url, body, given.clients, given.seconds, given.deadline_s, gateway, impatient=given.impatient)
    )


if __name__ == "__main__":
    sys.exit(main())
