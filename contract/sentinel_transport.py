"""Kombu's transport to a Redis behind Sentinel, told of all Sentinels at once.

Kombu 5.7 takes them as alternative broker URLs. After an error it switches to the next of these, and thereby from
`broker_transport` to whatever its scheme says; what `workers.transport` refuses would get through from then on. So
there is one URL, for those who show it, and the address is an option.
"""

from typing import Any, Final

from kombu.transport import redis as kombu_redis

from contract.sentinel import Sentinels
from contract.sentinel_url import SentinelAddress

#: The next one is asked then.
_SENTINEL_TIMEOUT_S: Final = 1.0


class SentinelChannel(kombu_redis.SentinelChannel):  # type: ignore[misc]  # kombu has no types
    from_transport_options = (*kombu_redis.SentinelChannel.from_transport_options, "sentinel_address")
    sentinel_address: SentinelAddress

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        connection = self._connparams(asynchronous)
        del connection["host"], connection["port"]
        manager = Sentinels(self.sentinel_address, _SENTINEL_TIMEOUT_S, **connection)
        if asynchronous:  # closed with the channel
            self._async_sentinel_manager = manager
        else:
            self._sentinel_manager = manager
        return manager.master_for(self.sentinel_address.service).connection_pool


class SentinelTransport(kombu_redis.SentinelTransport):  # type: ignore[misc]
    Channel = SentinelChannel
