"""A submitted job for those who live in an event loop: what `Job` has, by the same names."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from contract.ledger import Attempt, DeadLetter, JobState, JobStatus
from contract.messages import ImageResult
from producer.job import Job, Update
from producer.threads import Threads


class AsyncJob:
    """Get one from `AsyncClient.submit` or `AsyncClient.job`. Errors, and whatever is not said here: see `Job`."""

    def __init__(self, job: Job, threads: Threads) -> None:
        self.id = job.id
        self._job = job
        self._threads = threads

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r})"

    async def status(self) -> JobStatus:
        return await self._threads.call(self._job.status)

    async def results(self, timeout: timedelta | float | None = None) -> AsyncIterator[ImageResult]:
        async for update in self.watch(timeout=timeout):
            for _, result in update.results:
                yield result

    async def results_indexed(
        self, cursor: int = 0, timeout: timedelta | float | None = None
    ) -> AsyncIterator[tuple[int, ImageResult]]:
        async for update in self.watch(cursor, timeout):
            for pair in update.results:
                yield pair

    def watch(self, cursor: int = 0, timeout: timedelta | float | None = None) -> AsyncIterator[Update]:
        return self._threads.each(self._job.watching(cursor, timeout), self._job.sleep)

    async def wait(self, timeout: timedelta | float | None = None) -> JobStatus:
        (status,) = [status async for status in self._threads.each(self._job.waiting(timeout), self._job.sleep)]
        return status

    async def cancel(self) -> JobState:
        return await self._threads.call(self._job.cancel)

    async def dead_letters(self) -> list[DeadLetter]:
        return await self._threads.call(self._job.dead_letters)

    async def drop_dead(self, images: Iterable[str] | None = None) -> int:
        return await self._threads.call(self._job.drop_dead, images)

    async def attempts(self, task: str | None = None) -> list[Attempt]:
        return await self._threads.call(self._job.attempts, task)
