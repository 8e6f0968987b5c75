"""What it costs to ask a large fleet: Redis' own time, round trips, and the time here.

    python -m benchmarks.fleet                          # a Redis of its own; 1,000 workers, 100 queues, 10,000 tasks
    python -m benchmarks.fleet --workers 100 --queues 10

No worker runs: adverts, models and tasks are in Redis, and that is what the questions read. The exit code is 1 when one
of them takes 50 ms of Redis' time or more.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import redis

from contract.connection import connect
from contract.ledger import Ledger
from contract.registry import Registry
from contract.routing import route
from contract.settings import Settings, load_settings
from producer.fleet import Plan, plan_of, read_counts, read_facts, view_of
from tests.support.big_fleet import BigFleet, big_fleet
from tests.support.redis_cost import redis_cost
from tests.support.redis_server import redis_server

MOST_MS = 50.0

Question = tuple[str, Callable[[], object]]


def questions(client: redis.Redis, settings: Settings, fleet: BigFleet) -> Iterator[Question]:
    registry, ledger = Registry(client, settings), Ledger(client, settings)
    yield "submit: can anybody run it?", lambda: route(registry.model(fleet.models[0].ref), registry.adverts())
    yield "depths of all queues", ledger.depths
    yield "backlog by queue and model", ledger.backlog
    yield "vedette fleet", lambda: view_of(read_facts(registry, ledger))
    yield "vedette fleet --plan", lambda: plan(registry, ledger)
    yield "all models", registry.models
    yield "all adverts", registry.adverts


def plan(registry: Registry, ledger: Ledger) -> Plan:
    facts = read_facts(registry, ledger)
    return plan_of(facts, read_counts(ledger, facts), timedelta(hours=1))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", type=int, default=1000)
    options.add_argument("--queues", type=int, default=100)
    options.add_argument("--tasks", type=int, default=100, help="that wait on each queue")
    options.add_argument("--running", type=int, default=1500)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder, redis_server(Path(folder)) as url:
        settings = load_settings(redis_url=url)
        with connect(settings) as client:
            fleet = big_fleet(
                client,
                settings,
                workers=given.workers,
                queues=given.queues,
                tasks_each=given.tasks,
                running=given.running,
            )
            print(f"{given.workers} workers, {given.queues} queues, {len(fleet.tasks)} tasks, {given.running} running")
            print(f"{'question':30}{'Redis':>10}{'commands':>10}{'round trips':>13}{'here':>10}")
            return int(max([measure(client, *question) for question in questions(client, settings, fleet)]) >= MOST_MS)


def measure(client: redis.Redis, name: str, ask: Callable[[], object]) -> float:
    ask()
    began_s = time.perf_counter()
    with redis_cost(client) as cost:
        ask()
        here_ms = (time.perf_counter() - began_s) * 1000
    print(f"{name:30}{cost.redis_ms:7.1f} ms{cost.commands:10}{cost.round_trips:13}{here_ms:7.0f} ms")
    return cost.redis_ms


if __name__ == "__main__":
    sys.exit(main())
