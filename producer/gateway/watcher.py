"""Waiting for many jobs at once: one look at Redis for all of them, however many requests wait.

Two hundred requests that each look for themselves would keep the threads so busy that their deadlines pass unseen. Of a
few jobs at a time Redis tells the first result, which brings the next look forward.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from contract.errors import VedetteError
from producer.polling import LONGEST_S, SHORTEST_S, WOKEN_MAX


class Watcher:
    """To be used on one event loop. `states` blocks: job ids to the state of each; one that is unknown is not open.

    `has_result` blocks for so many seconds at most, until the job has one.
    """

    def __init__(
        self,
        states: Callable[[Sequence[str]], Mapping[str, str | None]],
        has_result: Callable[[str, float], bool],
        pause_s: float = SHORTEST_S,
    ) -> None:
        self._states = states
        self._has_result = has_result
        self._pause_s = pause_s
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._told: set[asyncio.Task[None]] = set()
        self._telling: Final = CapacityLimiter(WOKEN_MAX)
        self._news: Final = asyncio.Event()

    async def ended(self, job_id: str, at_most_s: float) -> bool:
        """Whether the job ends within `at_most_s`; an error when Redis cannot be asked."""
        future = self._waiting.get(job_id)
        if future is None:
            future = self._waiting[job_id] = asyncio.get_running_loop().create_future()
            self._be_told(job_id, future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        done, _ = await asyncio.wait([future], timeout=at_most_s)
        if not done:
            return False
        self._waiting.pop(job_id, None)
        future.result()
        return True

    def forget(self, job_id: str) -> None:
        """Nobody waits for it any more."""
        future = self._waiting.pop(job_id, None)
        if future is not None:
            future.cancel()

    def _be_told(self, job_id: str, future: "asyncio.Future[None]") -> None:
        if len(self._told) < WOKEN_MAX:
            task = asyncio.create_task(self._tell(job_id, future))
            self._told.add(task)
            task.add_done_callback(self._told.discard)

    async def _tell(self, job_id: str, future: "asyncio.Future[None]") -> None:
        with suppress(VedetteError):  # the looks say so too
            while not future.done():
                if await to_thread.run_sync(partial(self._has_result, job_id, LONGEST_S), limiter=self._telling):
                    self._news.set()
                    return

    async def _watch(self) -> None:
        thread: Final = CapacityLimiter(1)  # its own: those of short calls may all be taken
        while waiting := [job for job, future in self._waiting.items() if not future.done()]:
            self._news.clear()
            try:
                states = await to_thread.run_sync(partial(self._states, waiting), limiter=thread)
            except VedetteError as error:
                self._fail(waiting, error)
                continue
            for job in waiting:
                future = self._waiting.get(job)
                if states.get(job) != "open" and future is not None and not future.done():
                    future.set_result(None)
            with anyio.move_on_after(self._pause_s):
                await self._news.wait()

    def _fail(self, waiting: Sequence[str], error: VedetteError) -> None:
        for job in waiting:
            future = self._waiting.get(job)
            if future is not None and not future.done():
                future.set_exception(error)
