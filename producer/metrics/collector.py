"""Prometheus' collector: asks Redis once for scrapes that come together, and says so when Redis is away."""

import threading
import time
from collections.abc import Iterator
from typing import Final

import redis
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from contract.errors import VedetteError
from contract.settings import Settings
from producer.metrics.facts import Facts, gather
from producer.metrics.families import families, families_without_redis
from producer.outage import answering

#: Two Prometheus servers, or one and a curious person, cost Redis one survey.
FRESH_S: Final = 1.0


class FleetCollector(Collector):
    """`client` should give up soon: a scrape has ten seconds by default. Threads may share it."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._settings = settings
        self._lock = threading.Lock()
        self._known: tuple[Facts | None, float] = None, 0.0
        self._known_s = -FRESH_S

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registry would ask Redis otherwise when this is registered with it."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        facts, took_s = self._fresh()
        return families_without_redis() if facts is None else families(facts, took_s)

    def _fresh(self) -> tuple[Facts | None, float]:
        with self._lock:
            if time.monotonic() - self._known_s >= FRESH_S:
                began_s = time.monotonic()
                facts = self._gather()
                self._known_s = time.monotonic()
                self._known = facts, self._known_s - began_s
            return self._known

    def _gather(self) -> Facts | None:
        try:
            with answering(self._settings):
                return gather(self._redis, self._settings)
        except VedetteError:
            return None
