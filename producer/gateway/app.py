"""Which routers, middlewares and error handlers make up the application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from contract.settings import Settings
from producer.gateway import (
    catalog,
    detect,
    error_handlers,
    events,
    health,
    jobs,
    metrics,
    oip_routes,
    page,
    results,
    tf_routes,
)
from producer.gateway.access import Access
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Backend
from producer.gateway.counters import Counted
from producer.gateway.key_file import KeyFile
from producer.gateway.large_bodies import LargeBodies
from producer.gateway.limits import Limits, RequestLimit
from producer.gateway.request_id import RequestId
from producer.gateway.schemas import request_schemas
from producer.webhooks.deliverer import Deliverer, Timing
from producer.webhooks.secrets_file import HostSecrets

_ABOUT: Final = """\
Object detection over a fleet of CPU machines. Submit a job, read its results as they complete.

Every error is `{"code", "message"}`: decide by the code, show the message. Every answer has `X-Request-Id`.
"""
_ROUTERS: Final = (
    jobs.router,
    results.router,
    events.router,
    detect.router,
    catalog.router,
    health.router,
    metrics.router,
    tf_routes.router,
    oip_routes.router,
    page.router,
)


@asynccontextmanager
async def _delivering(backend: Backend, secrets: Sequence[HostSecrets], timing: Timing | None) -> AsyncIterator[None]:
    if not secrets:
        yield
        return
    counters = backend.counters

    def count(outcome: str) -> None:
        counters.webhooks.labels(outcome).inc()

    deliverer = Deliverer(backend.ledger, backend.settings, secrets, timing, count)
    task = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def create_app(
    settings: Settings,
    limits: Limits | None = None,
    api_keys: Sequence[ApiKey] | KeyFile = (),
    store: Callable[[bytes], str] | None = None,
    webhook_secrets: Sequence[HostSecrets] = (),
    timing: Timing | None = None,
    *,
    any_host: bool = False,
) -> FastAPI:
    """The application; connects to Redis when it is first asked something.

    Without `api_keys` everybody may ask who names this machine in `Host`, and with `any_host` everybody.
    `store` keeps the bytes of an image for the workers and gives its reference; None: as the producer's Client does.
    Webhooks are delivered, in this `timing`, where there are `webhook_secrets`.
    """
    limits = limits or Limits()
    backend = Backend.of(settings, limits, store)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = limits.threads
        try:
            async with _delivering(backend, webhook_secrets, timing):
                yield
        finally:
            backend.close()

    app = FastAPI(title="Vedette", version=version("vedette"), description=_ABOUT, lifespan=lifespan)
    app.state.backend = backend
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]  # as FastAPI's documentation has it
    known = api_keys.current if isinstance(api_keys, KeyFile) else lambda: api_keys
    if isinstance(api_keys, KeyFile):
        backend.counters.watch_keys(lambda: api_keys.flaw is None)
    # Only so that OpenAPI tells of it: `Access` has looked at the key before.
    told = [Depends(HTTPBearer(auto_error=False))] if api_keys else []
    # Paths that only take images themselves are not told of where none are taken.
    hidden = () if backend.takes_uploads else (tf_routes.router, oip_routes.router)
    for router in _ROUTERS:
        app.include_router(
            router,
            dependencies=told if router not in (health.router, page.router) else [],
            include_in_schema=router not in hidden,
        )
    error_handlers.install(app, [route for router in _ROUTERS for route in router.routes])
    # The last one added is the first to see a request.
    app.add_middleware(LargeBodies, at_once=limits.large_bodies, body_s=limits.body_s)
    app.add_middleware(RequestLimit, limits=limits)
    app.add_middleware(Access, backend=backend, api_keys=known if api_keys else None, any_host=any_host)
    app.add_middleware(RequestId)
    app.add_middleware(Counted, counters=backend.counters)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    schema = FastAPI.openapi(app)  # which keeps it
    schema["components"]["schemas"].update(request_schemas())
    return schema
