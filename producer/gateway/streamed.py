"""Bodies that are read as they come, in the thread that works on them: never whole in memory, and of any length.

Only `POST /v1/jobs` has such, as lines or as a form (`body_kinds`). The limits of other bodies do not hold for them;
what bounds them is how many there may be at once, how long one may say nothing, and what a line or a part may have.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Final, TypeVar

import anyio
from anyio import to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from contract.errors import VedetteError
from producer.gateway.backend import Backend
from producer.gateway.errors import RequestMalformed, RequestTimeout

#: Of a body that is refused, what is read before the answer: a caller who is cut off while sending may miss it.
_DRAIN_S: Final = 5.0

Answer = TypeVar("Answer")


async def read_in_thread(http: Request, asked: Backend, work: Callable[[Iterator[bytes]], Answer]) -> Answer:
    """`work` with the body's pieces, in a thread of its own; TooManyStreams when all that there are for it are taken.

    While it waits for a piece it may be told that the sender is gone, silent, or no longer welcome, by an exception.
    """
    with asked.one_submission():
        incoming = _Incoming(http.stream(), asyncio.get_running_loop(), asked.limits.pause_s)
        try:
            return await to_thread.run_sync(work, iter(incoming), limiter=asked.submissions)
        except VedetteError:
            await incoming.drain(asked.limits.body_bytes)
            raise
        finally:
            incoming.stop()


class _Incoming:
    """Iterated over in a thread; everything else belongs to the loop."""

    def __init__(self, pieces: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop, pause_s: float) -> None:
        self._pieces = pieces
        self._loop = loop
        self._pause_s = pause_s
        self._stopped = False
        self._awaited: Future[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self._awaited = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            if self._stopped:  # between the piece before and this line
                self._awaited.cancel()
            try:
                piece = self._awaited.result()
            except CancelledError:
                raise _cut_off() from None
            if not piece:
                return
            yield piece

    def stop(self) -> None:
        """No further piece is given, nor awaited."""
        self._stopped = True
        if self._awaited is not None:
            self._awaited.cancel()

    async def drain(self, most_bytes: int) -> None:
        seen = 0
        with anyio.move_on_after(_DRAIN_S), suppress(ClientDisconnect):
            async for piece in self._pieces:
                seen += len(piece)
                if seen > most_bytes:
                    return

    async def _next(self) -> bytes:
        """Empty at the end."""
        try:
            async with asyncio.timeout(self._pause_s):
                return await anext(self._pieces, b"")
        except TimeoutError:
            raise RequestTimeout(f"nothing of the body came for {self._pause_s:g} s") from None
        except ClientDisconnect:
            raise _cut_off() from None


def _cut_off() -> RequestMalformed:
    return RequestMalformed("the connection ended before the body did; nothing was submitted")
