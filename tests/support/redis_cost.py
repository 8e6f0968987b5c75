"""What a call costs: the time that Redis spends on its commands, by its own clock, and round trips."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import redis


@dataclass
class Cost:
    #: Redis' own time, in milliseconds; the network and this process are not in it.
    redis_ms: float = 0.0
    commands: int = 0
    #: Times that this process sent something and waited.
    round_trips: int = 0


@contextmanager
def redis_cost(client: redis.Redis) -> Iterator[Cost]:
    """Of all that is asked of this Redis in the block, by whomever; the round trips are those of this process. It is
    filled in when the block ends."""
    cost = Cost()
    client.config_resetstat()
    sends = []
    send = redis.connection.AbstractConnection.send_packed_command

    def counted(connection: Any, command: Any, *arguments: Any, **options: Any) -> Any:
        sends.append(command)
        return send(connection, command, *arguments, **options)

    with mock.patch.object(redis.connection.AbstractConnection, "send_packed_command", counted):
        yield cost
    stats = client.info("commandstats")
    ours = {name: stat for name, stat in stats.items() if name not in ("cmdstat_config|resetstat", "cmdstat_info")}
    cost.redis_ms = sum(stat["usec"] for stat in ours.values()) / 1000
    cost.commands = sum(stat["calls"] for stat in ours.values())
    cost.round_trips = len(sends)


def calls(client: redis.Redis, command: str) -> int:
    """How often this Redis was asked that, by whomever, also by scripts, since its counters were set back."""
    found: dict[str, int] = client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
    return found["calls"]
