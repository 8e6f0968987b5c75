"""Who asks, and whether they may now: before anything of a request's body is read.

With keys, every path but the probes' needs one, and each key has its rate. Without, everybody may ask.
"""

from collections.abc import Sequence
from functools import partial
from importlib import resources
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from contract import keys
from contract.errors import VedetteError
from producer.gateway import page, threads
from producer.gateway.api_keys import ApiKey, find
from producer.gateway.backend import Backend
from producer.gateway.errors import RateLimited, Unauthorized, answer_to
from producer.outage import answering

#: For who looks whether this process lives, and for who wants to know what a key would open.
OPEN_PATHS: Final = frozenset(
    {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/docs", "/redoc", "/openapi.json", *page.OPEN}
)


class Access:
    """ASGI middleware; `request.state.caller` is the key's ApiKey, or None where nobody needs one."""

    def __init__(self, app: ASGIApp, backend: Backend, api_keys: Sequence[ApiKey]) -> None:
        self._app = app
        self._backend = backend
        self._keys = api_keys
        script = resources.files(__package__).joinpath("rate.lua").read_text(encoding="utf-8")
        self._take = backend.redis.register_script(script)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._keys and scope["path"] not in OPEN_PATHS:
            try:
                scope.setdefault("state", {})["caller"] = await self._admit(Headers(scope=scope))
            except VedetteError as error:
                await answer_to(error, scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admit(self, headers: Headers) -> ApiKey:
        caller = find(self._keys, headers.get("authorization"))
        if caller is None:
            raise Unauthorized("a key is needed: Authorization: Bearer vdt_…")
        if caller.rate_per_minute is not None:
            wait_ms = await threads.call(partial(self._wait_ms, caller))
            if wait_ms > 0:
                raise RateLimited(f"{caller.name} may ask {caller.rate_per_minute} times a minute", wait_ms / 1000)
        return caller

    def _wait_ms(self, caller: ApiKey) -> int:
        with answering(self._backend.settings):
            return int(self._take([keys.gateway_rate(caller.name)], [caller.rate_per_minute]))


async def caller_of(request: Request) -> ApiKey | None:
    caller: ApiKey | None = getattr(request.state, "caller", None)
    return caller


Caller = Annotated[ApiKey | None, Depends(caller_of)]
