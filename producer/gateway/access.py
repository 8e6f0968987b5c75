"""Who asks, and whether they may now: before anything of a request's body is read.

With keys, every path but the probes' needs one, and each key has its rate. Without, everybody may ask, except pages of
other sites (`other_sites`).
"""

from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from importlib import resources
from typing import Annotated, Any, Final

import anyio
from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from contract import keys
from contract.errors import VedetteError
from producer.gateway import page, threads
from producer.gateway.api_keys import ApiKey, find
from producer.gateway.backend import Backend
from producer.gateway.errors import CrossSite, RateLimited, Unauthorized, answer_to
from producer.gateway.other_sites import is_for_another_host, is_of_another_site
from producer.outage import answering

#: For who looks whether this process lives, and for who wants to know what a key would open.
OPEN_PATHS: Final = frozenset(
    {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/docs", "/redoc", "/openapi.json", *page.OPEN}
)
_UNAUTHORIZED: Final = 401
_NEEDED: Final = "a key is needed: Authorization: Bearer vdt_…"
_OTHER_SITE: Final = (
    "a page of another site may not ask a gateway that needs no key (Sec-Fetch-Site, Origin); ask from a service, or "
    "give the gateway keys (VEDETTE_API_KEYS_FILE)"
)
_OTHER_HOST: Final = (
    "a gateway that needs no key is asked as localhost, or by a loopback address, and not as {host!r} (Host): a page "
    "of another site could have that name. A proxy in front of it may set Host; else give the gateway keys "
    "(VEDETTE_API_KEYS_FILE), or start it with --insecure where the network keeps strangers away"
)


class Access:
    """ASGI middleware; `request.state.caller` is the key's ApiKey, or None where nobody needs one.

    `api_keys` is asked with every request, and with every piece of one that lasts: a key that is taken out stops at
    once. None: there are none, and everybody may ask; unless `any_host`, by a name of this machine's own.
    """

    def __init__(
        self,
        app: ASGIApp,
        backend: Backend,
        api_keys: Callable[[], Sequence[ApiKey]] | None,
        *,
        any_host: bool = False,
    ) -> None:
        self._app = app
        self._backend = backend
        self._keys = api_keys
        self._any_host = any_host
        script = resources.files(__package__).joinpath("rate.lua").read_text(encoding="utf-8")
        self._take = backend.redis.register_script(script)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if self._keys is None:
            refused = self._flaw(scope["method"], Headers(scope=scope))
            await (answer_to(CrossSite(refused), scope["path"]) if refused else self._app)(scope, receive, send)
            return
        try:
            caller = await self._admit(self._keys(), Headers(scope=scope))
        except VedetteError as error:
            await answer_to(error, scope["path"])(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._while_admitted(caller, self._keys, scope, receive, send)

    def _flaw(self, method: str, headers: Headers) -> str:
        """Why nobody's request is not taken; "" when it is."""
        if not self._any_host and is_for_another_host(headers):
            return _OTHER_HOST.format(host=headers["host"])
        return _OTHER_SITE if is_of_another_site(method, headers) else ""

    async def _while_admitted(
        self, caller: ApiKey, api_keys: Callable[[], Sequence[ApiKey]], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A body that still comes ends with 401, an answer that goes on is cut; what is done soon is finished."""

        def is_out() -> bool:
            return all(key.sha256 != caller.sha256 for key in api_keys())

        async def heard() -> MutableMapping[str, Any]:
            message = await receive()
            if message.get("more_body") and is_out():
                raise HTTPException(_UNAUTHORIZED, _NEEDED)
            return message

        with anyio.CancelScope() as all_of_it:

            async def told(message: MutableMapping[str, Any]) -> None:
                if message.get("more_body") and is_out():
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    all_of_it.cancel()
                    return
                await send(message)

            await self._app(scope, heard, told)

    async def _admit(self, api_keys: Sequence[ApiKey], headers: Headers) -> ApiKey:
        caller = find(api_keys, headers.get("authorization"))
        if caller is None:
            raise Unauthorized(_NEEDED)
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
