"""For tests of what is submitted, with nobody who does it."""

from collections.abc import Iterator

import pytest

from contract.registry import Registry
from contract.settings import Settings
from producer import Client
from tests.support.builders import advert, spec


@pytest.fixture
def client(settings: Settings, registry: Registry) -> Iterator[Client]:
    """Of a fleet of one worker and one model that it fits, both on paper."""
    registry.publish_model(spec())
    registry.publish_advert(advert())
    with Client(settings=settings) as client:
        yield client
