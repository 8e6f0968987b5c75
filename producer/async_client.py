"""The door for Python in an event loop: what `Client` has, by the same names.

    async with AsyncClient("redis://localhost:6379/0") as client:
        job = await client.submit(["a.jpg", "b.jpg"], model="defects-small")
        async for result in job.results():
            ...

Each call is the synchronous client's, in a thread, so that there is one client to trust and not two that differ.
Waiting for results takes a few threads at most: a thousand jobs can be waited for at once.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from contract.errors import VedetteError
from contract.model_spec import ModelSpec
from contract.registry import Advert
from contract.settings import Settings
from contract.vitals import Vitals
from producer.arguments import Image
from producer.async_job import AsyncJob
from producer.client import Client
from producer.feed import Feed, feed
from producer.job import Job
from producer.outage import PATIENCE
from producer.threads import Threads
from producer.why import Answer

#: Calls to Redis at the same time.
THREADS: Final = 8


class AsyncClient:
    """One per event loop is enough; tasks may share it. Arguments, errors, and what is not said here: see `Client`."""

    def __init__(
        self,
        broker_url: str | None = None,
        *,
        settings: Settings | None = None,
        patience: timedelta = PATIENCE,
        threads: int = THREADS,
    ) -> None:
        self._client = Client(broker_url, settings=settings, patience=patience)
        self._threads = Threads(threads)
        self._feeds: set[Feed] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives the connections back. Jobs go on, but not those that are being submitted: these are cancelled."""
        for images in [*self._feeds]:
            images.stop()
        await asyncio.to_thread(self._threads.close)
        self._client.close()

    async def upload(self, image: bytes | str | Path) -> str:
        return await self._threads.call(self._client.upload, image)

    async def submit(
        self,
        images: Iterable[Image] | AsyncIterable[Image],
        model: str,
        batch_size: int | None = None,
        min_score: float = 0.5,
        allow_waiting: bool = False,
        allow_degraded: bool = False,
        max_failure_rate: float | None = None,
        on_created: Callable[[AsyncJob], None] | None = None,
        webhook: str | None = None,
        exact: bool = False,
    ) -> AsyncJob:
        """Queues a job and returns when all of its images are on their way.

        `images` may also be an asynchronous iterable; another one is read in a thread. `on_created` is called in the
        loop. A task that is cancelled here cancels the job.
        """
        loop = asyncio.get_running_loop()
        given = feed(images, loop)

        def created(job: Job) -> None:
            if on_created is not None:
                loop.call_soon_threadsafe(on_created, self._job(job))

        call = partial(
            self._client.submit,
            given,
            model,
            batch_size,
            min_score,
            allow_waiting,
            allow_degraded,
            max_failure_rate,
            created,
            webhook,
            exact,
        )
        self._feeds.add(given)
        submission = self._threads.submit(call)
        try:
            return self._job(await asyncio.wrap_future(submission))
        except asyncio.CancelledError:
            given.stop()
            submission.add_done_callback(_cancel)
            raise
        finally:
            self._feeds.discard(given)

    async def job(self, job_id: str) -> AsyncJob:
        return self._job(await self._threads.call(self._client.job, job_id))

    async def retry_dead(self, job_id: str, images: Iterable[str] | None = None, allow_waiting: bool = False) -> int:
        return await self._threads.call(self._client.retry_dead, job_id, images, allow_waiting)

    async def models(self) -> list[ModelSpec]:
        return await self._threads.call(self._client.models)

    async def model(self, name: str) -> ModelSpec:
        return await self._threads.call(self._client.model, name)

    async def jobs_at(self, model: str) -> list[str]:
        return await self._threads.call(self._client.jobs_at, model)

    async def forget_model(self, model: str) -> None:
        await self._threads.call(self._client.forget_model, model)

    async def fleet(self) -> list[Advert]:
        return await self._threads.call(self._client.fleet)

    async def vitals(self) -> list[tuple[Advert, Vitals | None]]:
        return await self._threads.call(self._client.vitals)

    async def why(self, name: str, *, discreet: bool = False) -> Answer:
        return await self._threads.call(partial(self._client.why, name, discreet=discreet))

    async def drain(
        self, workers: Iterable[str], *, stop: bool = False, undo: bool = False, force: bool = False
    ) -> list[Advert]:
        return await self._threads.call(partial(self._client.drain, workers, stop=stop, undo=undo, force=force))

    def _job(self, job: Job) -> AsyncJob:
        return AsyncJob(job, self._threads)


def _cancel(submission: "Future[Job]") -> None:
    """What was submitted all the same, because its last image was on its way when the task was cancelled."""
    if not submission.cancelled() and submission.exception() is None:
        with suppress(VedetteError):
            submission.result().cancel()
