"""Blocking calls from endpoints that wait: one by one, or as a stream."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

Answer = TypeVar("Answer")


async def call(function: Callable[[], Answer], limiter: CapacityLimiter | None = None) -> Answer:
    """`function()` in one of the threads that `def` endpoints use too, or in one of `limiter`."""
    return await to_thread.run_sync(function, limiter=limiter)


async def each(items: Iterator[Answer], limiter: CapacityLimiter) -> AsyncIterator[Answer]:
    """What a blocking iterator gives, each step in a thread of `limiter`: streams may sleep in it, and must not take
    the threads that short calls need. Closing it closes `items`, once the step that is under way has ended.
    """
    try:
        while True:
            found = await to_thread.run_sync(_step, items, limiter=limiter)
            if not found:
                return
            yield found[0]
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(close, limiter=limiter)


def _step(items: Iterator[Answer]) -> tuple[Answer, ...]:
    """Empty at the end: StopIteration cannot leave a coroutine."""
    for item in items:
        return (item,)
    return ()
