import pytest
import redis

from contract.settings import Settings
from tests.integration.monitoring.facts import PlayedFleet


@pytest.fixture
def fleet(redis_client: redis.Redis, settings: Settings) -> PlayedFleet:
    fleet = PlayedFleet(redis_client, settings)
    fleet.publish()
    return fleet
