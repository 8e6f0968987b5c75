"""What runs in a stack, and the order: Redis first, the rest while TensorFlow is imported; Redis last to go."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from contract.connection import connect
from contract.registry import Registry
from contract.settings import load_settings
from vedette.stack import services
from vedette.stack.process import Process
from vedette.stack.services import LOOPBACK, WorkerPlan

#: A worker finishes the batch it is at; then it is ended.
_GRACE_S: Final = 30.0


@dataclass
class Stack:
    """Context manager: up when entered, everything that it started gone when left."""

    data: Path
    workers: Sequence[WorkerPlan]
    redis_port: int = 6379
    #: None: no Flower.
    flower_port: int | None = 5555
    #: None: no HTTP gateway.
    gateway_port: int | None = None
    #: Directories whose images the workers may read; none: as VEDETTE_IMAGE_ROOTS says.
    image_roots: Sequence[Path] = ()
    #: Told of each service, once it is ready: name, where it is.
    on_ready: Callable[[str, str], None] = lambda _name, _where: None
    #: Addresses, known once entered.
    broker_url: str = field(default="", init=False)
    flower_url: str | None = field(default=None, init=False)
    gateway_url: str | None = field(default=None, init=False)
    _running: list[Process] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._stop)
            self._start()
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop()

    def ended_by_itself(self) -> Process | None:
        """A service that is gone although nobody asked it to go."""
        return next((process for process in self._running if not process.running), None)

    def _start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        port = services.free_port(self.redis_port)
        self._running.append(services.start_redis(port, self.data))
        self.broker_url = f"redis://{LOOPBACK}:{port}/0"
        self.on_ready("Redis", f"{self.broker_url}, data in {_shown(self.data)}")
        started = []
        for plan in self.workers:
            started.append((plan, services.start_worker(plan, self.broker_url, self.data, self.image_roots)))
            self._running.append(started[-1][1])
        if self.gateway_port is not None:
            self._start_gateway(self.gateway_port)
        if self.flower_port is not None:
            self._start_flower(self.flower_port)
        settings = load_settings(redis_url=self.broker_url)
        with connect(settings) as client:
            for plan, worker in started:
                services.await_worker(worker, plan, Registry(client, settings))
                self.on_ready(f"Worker {plan.shown}", f"log in {_shown(worker.log)}")

    def _start_flower(self, wanted_port: int) -> None:
        port = services.free_port(wanted_port)
        flower = services.start_flower(port, self.broker_url, self.data, self._fleet_url())
        if flower is None:
            self.on_ready("Flower", "not installed; pip install 'vedette[monitor]'")
            return
        self._running.append(flower)
        self.flower_url = f"http://{LOOPBACK}:{port}"
        self.on_ready("Flower", self.flower_url)

    def _start_gateway(self, wanted_port: int) -> None:
        port = services.free_port(wanted_port)
        gateway = services.start_gateway(port, self.broker_url, self.data)
        if gateway is None:
            self.on_ready("Gateway", "not installed; pip install 'vedette[gateway]'")
            return
        self._running.append(gateway)
        self.gateway_url = f"http://{LOOPBACK}:{port}"
        self.on_ready("Gateway", f"{self.gateway_url}, the fleet at /fleet, requests at /docs")

    def _fleet_url(self) -> str | None:
        """The page that Flower links to."""
        return None if self.gateway_url is None else f"{self.gateway_url}/fleet"

    def _stop(self) -> None:
        """In reverse order of starting; those that don't depend on each other at the same time."""
        dependants, bases = self._running[1:], self._running[:1]
        for group in (dependants, bases):
            for process in group:
                process.ask_to_stop()
            for process in group:
                process.stopped(_GRACE_S)
        self._running.clear()


def _shown(path: Path) -> Path:
    """As a person at this directory would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
