"""Vedette and other servers, one SavedModel on the same cores, the same callers: python -m benchmarks.peers

    vedette          Client.submit of one image's path, its result read: a job for each image
    vedette, http    POST /v1/detect of the gateway, with the file as the body
    celery           plain Celery over the same kind of Redis, a path for each task, a model in each process
    litserve, mosec, bentoml, ray    the file in the body, batched by the server

By turns in one run; a round is all photographs once by eight callers, or 20 s. Other servers are installed with pip
into a venv each, below the user's cache directory or --venvs. What cannot be installed or started is left out and told.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.claims import Claim, Speed, write_claims
from benchmarks.models import MODELS, SSD, make_store
from benchmarks.peers import environment
from benchmarks.peers.client import BOUNDARY, Ask, Http, Load, in_json, load, multipart, raw
from benchmarks.photographs import write_photographs
from benchmarks.throughput import SIZES, one_worker
from benchmarks.turns import machine
from producer import Client
from vedette.stack.services import free_port

ROUND_S = 20.0
START_S = 90.0
Server = Sequence[psutil.Process]

HTTP = "vedette, http"
OURS = ("vedette", HTTP)
#: The rest has a client of its own, as `vedette` has.
BY_HTTP = ("litserve", "mosec", "bentoml", "ray")


@contextmanager
def served(peer: str, home: Path, model: Path, redis_url: str, image: Path, log: Path) -> Iterator[tuple[Ask, Server]]:
    """A way to ask the peer, and its processes; it runs in a process group of its own and has answered once."""
    port = free_port(0)
    command = environment.command(peer, environment.python_of(peer, home), port)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=sink,
            stderr=sink,
            cwd=environment.HERE,
            env=environment.variables(model, redis_url),
            start_new_session=True,
        )
        try:
            ask = _ask_of(peer, port, redis_url)
            if isinstance(ask, Http):
                ask.prepare([image])
            _await(ask, image, process)
            yield ask, tree(psutil.Process(process.pid))
        finally:
            _end(process)


def tree(process: psutil.Process) -> Server:
    return [process, *process.children(recursive=True)]


def _ask_of(peer: str, port: int, redis_url: str) -> Ask:
    if peer == "celery":
        from celery import Celery

        app = Celery(broker=redis_url, backend=redis_url)
        return lambda image: list(app.send_task("serve_celery.detect", [str(image)]).get(timeout=60))
    if peer == "litserve":
        return Http(port, "/predict", "application/json", in_json)
    if peer == "bentoml":
        return Http(port, "/predict", f"multipart/form-data; boundary={BOUNDARY}", multipart)
    return Http(port, "/inference" if peer == "mosec" else "/predict", "image/jpeg", raw)


def _await(ask: Ask, image: Path, process: "subprocess.Popen[bytes]") -> None:
    give_up_s = time.monotonic() + START_S
    while True:
        try:
            ask(image)
            return
        except Exception as error:  # each is not ready in its own way
            if process.poll() is not None or time.monotonic() > give_up_s:
                raise RuntimeError(f"does not answer ({error!r:.200}), exit code {process.poll()}") from error
            time.sleep(0.5)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for wanted, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, wanted)
            process.wait(patience_s)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def compare(given: argparse.Namespace, model: Path, sizes: str) -> dict[str, list[Load]]:
    """`model` is the directory of the SavedModel, in its store."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder, ExitStack() as leave:
        work = Path(folder)
        images = write_photographs(work / "photographs", given.images, SIZES[sizes])
        stack = leave.enter_context(one_worker(work, model.parents[1], gateway_port=8091))
        client = leave.enter_context(Client(stack.broker_url))
        servers: dict[str, Server] = dict.fromkeys(OURS, psutil.Process().children(recursive=True))
        asks: dict[str, Ask] = {"vedette": lambda image: _submit(client, image, given.model)}
        if stack.gateway_url is not None:
            port = int(stack.gateway_url.rpartition(":")[2])
            asks[HTTP] = Http(port, f"/v1/detect?model={given.model}&deadline_s=60", "image/jpeg", raw)
        redis_url = stack.broker_url.removesuffix("/0") + "/1"
        for peer in given.peers:
            log = work / f"{peer}.log"
            try:
                its = served(peer, given.venvs, model, redis_url, images[0], log)
                asks[peer], servers[peer] = leave.enter_context(its)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                print(f"{peer} is left out: {error}\n{_tail(log)}", flush=True)
        for ask in asks.values():
            if isinstance(ask, Http):
                ask.prepare(images)
            load(ask, images, given.callers, ROUND_S / 2)  # warm
        loads: dict[str, list[Load]] = {name: [] for name in asks}
        for number in range(given.rounds):
            for name in list(asks)[:: 1 if number % 2 == 0 else -1]:
                loads[name].append(load(asks[name], images, given.callers, ROUND_S, servers[name]))
        return loads


def _submit(client: Client, image: Path, model: str) -> list[object]:
    (result,) = client.submit([str(image)], model).results(timeout=60)
    if not result.ok:
        raise RuntimeError(f"{image}: {result.failure}")
    return list(result.detections)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""


def medians(loads: Sequence[Load]) -> tuple[float, float, float, float, float]:
    """Images per second, p50 and p99 in seconds, processor time of the server in milliseconds per image, boxes."""
    return (
        median(each.images_per_s for each in loads),
        median(each.percentile_s(0.5) for each in loads),
        median(each.percentile_s(0.99) for each in loads),
        median(each.cpu_ms_per_image for each in loads),
        median(each.found for each in loads),
    )


def table(loads: dict[str, list[Load]]) -> Iterator[str]:
    figures = {name: medians(its) for name, its in loads.items()}
    yield f"{'':16}{'images/s':>10}{'p50':>10}{'p99':>10}{'Vedette is':>12}{'CPU ms/image':>14}{'found':>7}"
    for name, (speed, p50_s, p99_s, cpu_ms, found) in sorted(figures.items(), key=lambda item: -item[1][0]):
        times = f"{figures['vedette'][0] / speed:.2f}×"
        yield f"{name:16}{speed:10.1f}{p50_s * 1e3:7.0f} ms{p99_s * 1e3:7.0f} ms{times:>12}{cpu_ms:14.1f}{found:7.0f}"


def claims(loads: dict[str, list[Load]], about: str) -> list[Claim]:
    found = []
    for peer in loads:
        if peer not in OURS:
            speed, p50 = _ratios(loads["vedette"], loads[peer])
            found.append(Claim(f"{about}: images/s against {peer}", speed, 1.3))
            found.append(Claim(f"{about}: p50 against {peer}", p50, at_most=1.0))
            if HTTP in loads and peer in BY_HTTP:
                speed, p50 = _ratios(loads[HTTP], loads[peer])
                found.append(Claim(f"{about}: images/s by HTTP, against {peer}", speed))
                found.append(Claim(f"{about}: p50 by HTTP, against {peer}", p50))
    return found


def _ratios(ours: Sequence[Load], theirs: Sequence[Load]) -> tuple[float, float]:
    """Of images per second, and of p50."""
    (speed, p50_s, *_), (their_speed, their_p50_s, *_) = medians(ours), medians(theirs)
    return speed / their_speed, p50_s / their_p50_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=SSD)
    parser.add_argument("--sizes", choices=SIZES, nargs="+", default=["mixed", "small"])
    parser.add_argument("--peers", choices=environment.PACKAGES, nargs="+", default=list(environment.PACKAGES))
    parser.add_argument("--images", type=int, default=60, help="in each round")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--venvs", type=Path, default=environment.default_home(), help="where they are installed")
    parser.add_argument("--claims", type=Path, help="also write the ratios to this file")
    given = parser.parse_args()
    # Other servers do not end with us by themselves.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"{given.model} on {machine()}; {given.callers} callers, medians of {given.rounds} rounds")
    found, speeds = list[Claim](), list[Speed]()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        model = make_store(Path(folder) / "store", given.model, profile=True)
        for sizes in given.sizes:
            loads = compare(given, model, sizes)
            print(f"{sizes}: {', '.join(f'{width} × {height}' for width, height in SIZES[sizes])}")
            print("\n".join(table(loads)), flush=True)
            print()
            about = f"{sizes} photographs, {given.model}, {given.callers} callers"
            found += claims(loads, about)
            speeds += [Speed(about, name, medians(its)[0]) for name, its in loads.items()]
    write_claims(given.claims, found, speeds)


if __name__ == "__main__":
    main()
