"""Waiting for many jobs at once: one look at Redis for all of them, however many requests wait.

Two hundred requests that each look for themselves would keep the threads so busy that their deadlines pass unseen.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from contract.errors import VedetteError
from producer.polling import SHORTEST_S


class Watcher:
    """To be used on one event loop. `states` blocks: job ids to the state of each; one that is unknown is not open."""

    def __init__(
        self, states: Callable[[Sequence[str]], Mapping[str, str | None]], pause_s: float = SHORTEST_S
    ) -> None:
        self._states = states
        self._pause_s = pause_s
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ended(self, job_id: str, at_most_s: float) -> bool:
        """Whether the job ends within `at_most_s`; an error when Redis cannot be asked."""
        future = self._waiting.setdefault(job_id, asyncio.get_running_loop().create_future())
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

    async def _watch(self) -> None:
        thread: Final = CapacityLimiter(1)  # its own: those of short calls may all be taken
        while waiting := [job for job, future in self._waiting.items() if not future.done()]:
            try:
                states = await to_thread.run_sync(partial(self._states, waiting), limiter=thread)
            except VedetteError as error:
                self._fail(waiting, error)
                continue
            for job in waiting:
                future = self._waiting.get(job)
                if states.get(job) != "open" and future is not None and not future.done():
                    future.set_result(None)
            await anyio.sleep(self._pause_s)

    def _fail(self, waiting: Sequence[str], error: VedetteError) -> None:
        for job in waiting:
            future = self._waiting.get(job)
            if future is not None and not future.done():
                future.set_exception(error)
