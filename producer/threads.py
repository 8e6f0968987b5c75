"""Threads in which an event loop's blocking calls are made. Calls of Redis are short; waiting is done in the loop, but
for a few waits that Redis ends.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from producer.polling import WOKEN_MAX, Pause

Answer = TypeVar("Answer")
Given = ParamSpec("Given")
Seen = TypeVar("Seen")

#: Submissions at the same time; each takes a thread while it lasts.
_SUBMISSIONS_MAX: Final = 32


class Threads:
    """`count` for calls, and others for submissions, so that those who read are not kept waiting by those who submit.

    They are its own: the loop's default threads stay free for the application.
    """

    def __init__(self, count: int) -> None:
        self._calls = ThreadPoolExecutor(count, thread_name_prefix="vedette-call")
        self._submissions = ThreadPoolExecutor(_SUBMISSIONS_MAX, thread_name_prefix="vedette-submit")
        self._waits = ThreadPoolExecutor(WOKEN_MAX, thread_name_prefix="vedette-wait")
        self._idle = threading.Semaphore(WOKEN_MAX)

    async def call(self, call: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        return await asyncio.wrap_future(self._calls.submit(call, *args, **kwargs))

    def submit(self, call: Callable[[], Answer]) -> Future[Answer]:
        return self._submissions.submit(call)

    async def each(self, steps: Iterator[Seen | Pause], sleep: Callable[[Pause], None]) -> AsyncIterator[Seen]:
        """What `steps` yields, each step in a thread; in its pauses other tasks run. `sleep` blocks, for pauses that
        something may end.
        """
        while (step := await self.call(next, steps, None)) is not None:
            if isinstance(step, Pause):
                await self._pause(step, sleep)
            else:
                yield step

    async def _pause(self, pause: Pause, sleep: Callable[[Pause], None]) -> None:
        if pause.until_first_s is None or not self._idle.acquire(blocking=False):
            await asyncio.sleep(pause.seconds)
            return
        wait = self._waits.submit(sleep, pause)
        wait.add_done_callback(lambda _: self._idle.release())
        await asyncio.wrap_future(wait)

    def close(self) -> None:
        """Waits for the calls that are under way."""
        self._submissions.shutdown()
        self._waits.shutdown()
        self._calls.shutdown()
