"""How much one request may ask for, and the part of that which is checked before anything is read."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from producer.gateway.body_kinds import is_streamed
from producer.gateway.errors import RequestTooLarge, answer_to


@dataclass(frozen=True)
class Limits:
    #: Of the body, as it comes over the wire, or of one image of a form.
    body_bytes: int = 16 * 1024**2
    #: Bodies of more than 64 KiB that are in memory at once; the others wait, unread.
    large_bodies: int = 8
    #: Seconds in which such a body must come.
    body_s: float = 60.0
    #: In one `POST /v1/jobs`, except as lines.
    images: int = 100_000
    #: Bodies of that which are read as they come (`streamed`), at once; each has a thread.
    submissions: int = 8
    #: Seconds in which nothing of such a body comes before it is given up.
    pause_s: float = 60.0
    #: Bytes of a line, and of a part that is no file.
    line_bytes: int = 64 * 1024
    #: Characters of an image's name or reference.
    reference_chars: int = 4096
    #: Query and headers together.
    header_bytes: int = 32 * 1024
    #: Places of the order of completion that one `GET …/results` reads without `follow`.
    results: int = 10_000
    #: Calls of Redis at once. More of them only take the interpreter from the event loop, and so from who listens.
    threads: int = 8
    #: Requests that are answered for as long as a job runs: `follow` and `events`.
    streams: int = 100


class RequestLimit:
    """ASGI middleware: long headers are refused, and a body by its Content-Length or when it has become too long."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._most = limits.body_bytes
        self._header_bytes = limits.header_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = len(scope["query_string"]) + sum(len(name) + len(value) for name, value in scope["headers"])
        if head > self._header_bytes:
            flaw = f"query and headers have {head} bytes; at most {self._header_bytes} are taken"
            await answer_to(RequestTooLarge(flaw), scope["path"])(scope, receive, send)
            return
        if is_streamed(scope):
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if told.isdecimal() and int(told) > self._most:
            await answer_to(RequestTooLarge(self._flaw(int(told))), scope["path"])(scope, receive, send)
            return
        seen = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                # Not our own error: FastAPI makes 400 of whatever else comes up while it reads a body.
                raise HTTPException(_TOO_LARGE, self._flaw(seen))
            return message

        await self._app(scope, counted, send)

    def _flaw(self, size: int) -> str:
        return f"the body has {size} bytes or more; at most {self._most} are taken. Submit in several jobs."


_TOO_LARGE: Final = 413
