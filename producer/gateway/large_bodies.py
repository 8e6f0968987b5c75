"""How many large bodies are in memory at once: the others wait, unread, at their sender's.

Each may have 16 MiB, and what it is read into is more; two hundred at once would be the end of a small machine. A place
is held until the answer begins, or until an endpoint says that it has done with the body (`let_go`) and only waits.
"""

import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import anyio
from anyio import CapacityLimiter
from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from producer.gateway.body_kinds import is_streamed

#: Bodies up to this never wait.
SMALL_BYTES: Final = 64 * 1024
_REQUEST_TIMEOUT: Final = 408


class LargeBodies:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, at_once: int, body_s: float) -> None:
        self._app = app
        self._at_once = at_once
        self._body_s = body_s
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_streamed(scope) or not is_large(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        if self._limiter is None:  # it belongs to the event loop that it is first used in
            self._limiter = CapacityLimiter(self._at_once)
        limiter, borrower, held = self._limiter, object(), True
        await limiter.acquire_on_behalf_of(borrower)

        def let_go() -> None:
            nonlocal held
            if held:
                held = False
                limiter.release_on_behalf_of(borrower)

        scope.setdefault("state", {})["let_go"] = let_go
        try:
            await self._app(scope, _hurried(receive, self._body_s), _then(send, let_go))
        finally:
            let_go()


def let_go(http: Request) -> None:
    """The endpoint keeps nothing of the body any more."""
    done: Callable[[], None] | None = getattr(http.state, "let_go", None)
    if done is not None:
        done()


def is_large(headers: Headers) -> bool:
    length = headers.get("content-length", "")
    if length.isdecimal():
        return int(length) > SMALL_BYTES
    return "transfer-encoding" in headers


def _hurried(receive: Receive, body_s: float) -> Receive:
    """A body that has not come after `body_s` would hold its place for as long as somebody likes."""
    give_up = time.monotonic() + body_s
    more = True

    async def hurried() -> MutableMapping[str, Any]:
        nonlocal more
        if not more:
            return await receive()
        with anyio.move_on_after(give_up - time.monotonic()):
            message = await receive()
            more = bool(message.get("more_body", False))
            return message
        raise HTTPException(_REQUEST_TIMEOUT, f"the body had not come after {body_s:g} s")

    return hurried


def _then(send: Send, done: Callable[[], None]) -> Send:
    async def told(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            done()
        await send(message)

    return told
