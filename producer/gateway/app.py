"""Which routers, middlewares and error handlers make up the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from contract.settings import Settings
from producer.gateway import catalog, errors, events, health, jobs, results
from producer.gateway.backend import Backend
from producer.gateway.limits import Limits, RequestLimit
from producer.gateway.request_id import RequestId

_ABOUT: Final = """\
Object detection over a fleet of CPU machines. Submit a job, read its results as they complete.

Every error is `{"code", "message"}`: decide by the code, show the message. Every answer has `X-Request-Id`.
"""
_ROUTERS: Final = (jobs.router, results.router, events.router, catalog.router, health.router)


def create_app(settings: Settings, limits: Limits | None = None) -> FastAPI:
    """The application; connects to Redis when it is first asked something."""
    limits = limits or Limits()
    backend = Backend.of(settings, limits)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        backend.close()

    app = FastAPI(title="Vedette", version=version("vedette"), description=_ABOUT, lifespan=lifespan)
    app.state.backend = backend
    for router in _ROUTERS:
        app.include_router(router)
    errors.install(app, [route for router in _ROUTERS for route in router.routes])
    # The last one added is the first to see a request.
    app.add_middleware(RequestLimit, limits=limits)
    app.add_middleware(RequestId)
    return app
