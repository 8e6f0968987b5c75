"""Threads in which an event loop's blocking calls are made. Calls of Redis are short; waiting is done in the loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from producer.polling import Pause

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

    async def call(self, call: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs) -> Answer:
        return await asyncio.wrap_future(self._calls.submit(call, *args, **kwargs))

    def submit(self, call: Callable[[], Answer]) -> Future[Answer]:
        return self._submissions.submit(call)

    async def each(self, steps: Iterator[Seen | Pause]) -> AsyncIterator[Seen]:
        """What `steps` yields, each step in a thread; in its pauses other tasks run."""
        while (step := await self.call(next, steps, None)) is not None:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                yield step

    def close(self) -> None:
        """Waits for the calls that are under way."""
        self._submissions.shutdown()
        self._calls.shutdown()
