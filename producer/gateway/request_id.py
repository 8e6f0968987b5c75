"""Every answer carries `X-Request-Id`: the caller's, where it is a plain one, else a new one."""

import re
import secrets
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

HEADER: Final = "X-Request-Id"
#: What may stand in a log line as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(given: str | None) -> str:
    return given if given is not None and _PLAIN.fullmatch(given) else secrets.token_hex(8)


class RequestId:
    """ASGI middleware; `request.state.request_id` has it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = request_id(Headers(scope=scope).get(HEADER))
        scope.setdefault("state", {})["request_id"] = chosen

        async def named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = chosen
            await send(message)

        await self._app(scope, receive, named)
