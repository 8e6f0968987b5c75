"""`/metrics`, for Prometheus: what this gateway was asked, and what `vedette exporter` tells, the same everywhere.

vedette_gateway_requests_total{route,method,status}    route as in OpenAPI, so that ids make no series
vedette_gateway_response_seconds{route}                until the answer began; a stream may go on for hours
vedette_gateway_jobs_total, vedette_gateway_images_total    submitted
vedette_gateway_streams                                open now
vedette_gateway_keys_file_ok                           0: the file of API keys is broken, and those of before count
vedette_gateway_webhooks_total{outcome}                attempts of this gateway: delivered, again (later), given_up
"""

from typing import Final

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from producer.gateway.backend import Asked

router: Final = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response, summary="For Prometheus")
def metrics(asked: Asked) -> Response:
    return Response(generate_latest(asked.counters.registry), media_type=CONTENT_TYPE_LATEST)
