"""A gateway on a real Redis, a fleet that has one model, and a worker that is played by ledger calls."""

from collections.abc import Iterator

import httpx
import pytest

from contract.registry import Registry
from contract.settings import Settings
from tests.support.builders import advert, spec
from tests.support.gateway import PlayedWorker, running_gateway


@pytest.fixture
def fleet(registry: Registry) -> None:
    registry.publish_model(spec())
    registry.publish_advert(advert(queues=["detect.any.512m"]))


@pytest.fixture
def http(settings: Settings) -> Iterator[httpx.Client]:
    with running_gateway(settings) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture
def worker(settings: Settings, fleet: None) -> Iterator[PlayedWorker]:  # noqa: ARG001
    with PlayedWorker(settings) as played:
        yield played
