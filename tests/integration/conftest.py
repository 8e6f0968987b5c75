"""For tests of what is submitted, with nobody who does it."""

from collections.abc import Iterator

import pytest

from contract.registry import Registry
from contract.settings import Settings
from producer import Client
from tests.support.builders import advert, spec


@pytest.fixture
def fleet(registry: Registry) -> None:
    """One worker with one slot and one model that it fits, both on paper."""
    registry.publish_model(spec())
    registry.publish_advert(advert())


@pytest.fixture
def client(settings: Settings, fleet: None) -> Iterator[Client]:  # noqa: ARG001  # a fixture cannot `usefixtures`
    """Of that fleet."""
    with Client(settings=settings) as client:
        yield client
