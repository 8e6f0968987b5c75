"""Asks Sentinels which Redis is the master now. redis-py does the work: a lost connection asks again."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from contract.sentinel_url import SentinelAddress


class Sentinels(Sentinel):  # type: ignore[misc]  # redis-py's types are left out, see pyproject.toml
    def __init__(self, address: SentinelAddress, timeout_s: float, **connection: Any) -> None:
        """`connection` is for connections to the master; `timeout_s` for each Sentinel, the next one is asked then."""
        asking = {
            "username": address.sentinel_username,
            "password": address.sentinel_password,
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "retry": Retry(NoBackoff(), 0),
        }
        if address.tls is not None:
            asking |= {"ssl": True, **address.tls}
        super().__init__(address.sentinels, sentinel_kwargs=asking, **connection)
        self._asked = ", ".join(f"{host}:{port}" for host, port in address.sentinels)

    def discover_master(self, service_name: str) -> tuple[str, int]:
        try:
            host, port = super().discover_master(service_name)
        except MasterNotFoundError:  # whose text is every argument of every connection
            raise MasterNotFoundError(
                f"no Sentinel of {self._asked} answers, takes its password and knows a live master {service_name!r}"
            ) from None
        return host, int(port)

    def close(self) -> None:
        """As in redis-py 8.1; older ones have none."""
        for sentinel in self.sentinels:
            sentinel.close()


class Master(redis.Redis):  # type: ignore[misc]
    """Whichever Redis the Sentinels call the master. Closing it closes the connections to them too."""

    def close(self) -> None:
        super().close()
        self.connection_pool.sentinel_manager.close()


def master_of(address: SentinelAddress, timeout_s: float, **connection: Any) -> redis.Redis:
    """A client of the master, with redis-py's arguments for a connection. Does not connect yet."""
    connection |= {"db": address.db, "username": address.username, "password": address.password}
    if address.tls is not None:
        connection |= {"ssl": True, **address.tls}
    return Sentinels(address, timeout_s, **connection).master_for(address.service, redis_class=Master)
