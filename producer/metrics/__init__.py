"""What Prometheus reads: the fleet, its queues, models and workers, from Redis. For the exporter and the gateway.

catalog    every metric: name, kind, labels, help
facts      what is asked of Redis, in a fixed number of round trips
families   facts to metrics; pure
collector  once for concurrent scrapes, and what is told while Redis is away
exporter   an HTTP server with nothing else on it
"""

from producer.metrics.collector import FleetCollector

__all__ = ["FleetCollector"]
