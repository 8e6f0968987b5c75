"""What this process counts, and the middleware that counts requests. `metrics` says what each means, and shows it."""

import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Receive, Scope, Send

_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
#: Of a request that belongs to no route: its words are the caller's, and would each be a series.
_NOWHERE: Final = "none"


class Counters:
    """In a registry of its own, so that two gateways in one process do not share it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "vedette_gateway_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self.response_s = Histogram(
            "vedette_gateway_response_seconds",
            "Until the answer began",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.jobs = Counter("vedette_gateway_jobs", "Jobs submitted", registry=self.registry)
        self.images = Counter("vedette_gateway_images", "Images submitted", registry=self.registry)
        self.streams = Gauge("vedette_gateway_streams", "Streams that are open", registry=self.registry)

        self.webhooks = Counter(
            "vedette_gateway_webhooks", "Attempts at telling the end of a job", ["outcome"], registry=self.registry
        )

    def submitted(self, images: int) -> None:
        self.jobs.inc()
        self.images.inc(images)

    def watch_keys(self, ok: Callable[[], bool]) -> None:
        """Only where there is a file of keys."""
        gauge = Gauge(
            "vedette_gateway_keys_file_ok",
            "Whether the file of API keys is the one that counts",
            registry=self.registry,
        )
        gauge.set_function(lambda: float(ok()))


class Counted:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self._app = app
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                route = route_of(scope)
                self._counters.requests.labels(route, _method(scope), str(message["status"])).inc()
                self._counters.response_s.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)


def route_of(scope: Scope) -> str:
    """`/v1/jobs/{job_id}`, as OpenAPI has it."""
    return str(getattr(scope.get("route"), "path", _NOWHERE))


def _method(scope: Scope) -> str:
    """HTTP allows any word."""
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"} else "other"
