"""`/metrics`, for Prometheus: what this gateway was asked, and what waits on the queues, which is the same everywhere.

vedette_gateway_requests_total{route,method,status}    route as in OpenAPI, so that ids make no series
vedette_gateway_response_seconds{route}                until the answer began; a stream may go on for hours
vedette_gateway_jobs_total, vedette_gateway_images_total    submitted
vedette_gateway_streams                                open now
vedette_queue_tasks{queue}, vedette_queue_images{queue}, vedette_queue_oldest_seconds{queue}
vedette_redis_up                                       0: the ones before are missing
"""

from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from contract.errors import VedetteError
from contract.ledger import QueueDepth
from producer.gateway.backend import Asked
from producer.outage import answering

router: Final = APIRouter(tags=["health"])


def queue_metrics(depths: Mapping[str, QueueDepth]) -> Iterator[Metric]:
    """A queue on which nothing waits has zeros, so that an alert can end."""
    tasks = GaugeMetricFamily("vedette_queue_tasks", "Tasks that wait on the queue", labels=["queue"])
    images = GaugeMetricFamily("vedette_queue_images", "Their images, an estimate where many wait", labels=["queue"])
    oldest = GaugeMetricFamily("vedette_queue_oldest_seconds", "Since the longest wait began", labels=["queue"])
    for queue, depth in sorted(depths.items()):
        tasks.add_metric([queue], depth.tasks)
        images.add_metric([queue], depth.images)
        oldest.add_metric([queue], depth.oldest_s or 0.0)
    yield from (tasks, images, oldest)


@router.get("/metrics", response_class=Response, summary="For Prometheus")
def metrics(asked: Asked) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now(asked.counters.registry, _depths(asked)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _depths(asked: Asked) -> Mapping[str, QueueDepth] | None:
    try:
        with answering(asked.settings):
            return asked.ledger.depths()
    except VedetteError:
        return None


class _Now(Collector):
    """What was counted, and what the ledger says at this moment; None: it cannot be asked."""

    def __init__(self, counted: CollectorRegistry, depths: Mapping[str, QueueDepth] | None) -> None:
        self._counted = counted
        self._depths = depths

    def collect(self) -> Iterator[Metric]:
        yield from self._counted.collect()
        yield GaugeMetricFamily("vedette_redis_up", "Whether Redis answers", value=float(self._depths is not None))
        yield from queue_metrics(self._depths or {})
