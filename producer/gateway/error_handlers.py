"""What is raised anywhere in the application becomes one of our errors (`errors`), and an answer."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from contract.errors import VedetteError
from producer.errors import InvalidArgument
from producer.gateway.errors import (
    GatewayError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    RequestMalformed,
    RequestTimeout,
    RequestTooLarge,
    Unauthorized,
    answer_to,
    flaws,
    status_of,
)

log = logging.getLogger(__name__)

#: What Starlette, or a middleware of ours within a body, says with a status alone.
_OF_STATUS: Final[Mapping[int, type[GatewayError]]] = {
    401: Unauthorized,
    404: NotFound,
    405: MethodNotAllowed,
    408: RequestTimeout,
    413: RequestTooLarge,
}


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Makes every error of `app`, which has these routes, one of ours."""

    def of_vedette(request: Request, error: Exception) -> Response:
        assert isinstance(error, VedetteError)
        if status_of(error) >= 500:
            log.warning("%s %s: %s: %s", request.method, request.url.path, error.code, error)
        return answer_to(error, request.url.path)

    def of_arguments(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer_to(InvalidArgument(flaws(error.errors())), request.url.path)

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _OF_STATUS.get(error.status_code, RequestMalformed if error.status_code < 500 else InternalError)
        text = {
            404: f"there is nothing at {request.url.path}; GET /docs shows what there is",
            405: f"{request.method} is not allowed at {request.url.path}",
        }.get(error.status_code, str(error.detail))
        response = answer_to(kind(text), request.url.path)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_allowed(request, routes))
        return response

    def of_ours(request: Request, _error: Exception) -> Response:
        # Starlette raises it again behind this answer, so that uvicorn logs it with its trace.
        shown = getattr(request.state, "request_id", "unknown")
        mistake = InternalError(f"a mistake of the gateway's; its log has it near the request id {shown}")
        response = answer_to(mistake, request.url.path)
        response.headers["X-Request-Id"] = shown
        return response

    app.add_exception_handler(VedetteError, of_vedette)
    app.add_exception_handler(RequestValidationError, of_arguments)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_ours)


def _allowed(request: Request, routes: Sequence[BaseRoute]) -> list[str]:
    """Starlette names the methods of the first route at a path only; a path may have several."""
    methods: set[str] = set()
    for route in routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods)
