"""`/metrics` and nothing else, for Prometheus: prometheus_client's own server."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from contract.connection import connect
from contract.errors import SettingsError
from contract.settings import Settings
from producer.metrics.collector import FleetCollector


@contextmanager
def exporter(settings: Settings, host: str, port: int) -> Iterator[int]:
    """Answers from a thread for as long as the block, and gives the port that it listens at: `port`, or for 0 a free
    one. SettingsError when that cannot be had. Redis is asked when the first scrape comes."""
    with connect(settings, patient=False) as client:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(FleetCollector(client, settings))
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise SettingsError(f"cannot listen at {host}:{port} ({error}); name another --host or --port") from None
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
