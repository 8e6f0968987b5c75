"""The asynchronous client against a real Redis; the worker's side is played by calls of the ledger."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from contract import keys
from contract.ledger import Ledger
from contract.registry import Registry
from contract.settings import Settings
from producer import AsyncClient, AsyncJob, InvalidArgument, JobClosed, JobUnknown, ModelUnknown, WaitTimeout
from tests.integration.test_producer import work
from tests.support.builders import advert

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("fleet")]

MODEL = "defects-small"


async def worked(ledger: Ledger, job: AsyncJob, **options: Any) -> None:
    await asyncio.to_thread(work, ledger, job, **options)


def states(redis_client: redis.Redis) -> list[str]:
    return [redis_client.hget(key, "state") for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]


def test_from_submission_to_results(settings: Settings, ledger: Ledger) -> None:
    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            job = await client.submit(["a.jpg", "bad.jpg", "c.jpg"], model=MODEL)
            working = asyncio.create_task(worked(ledger, job, pause_s=0.05))
            assert [result.image async for result in job.results(timeout=10)] == ["a.jpg", "bad.jpg", "c.jpg"]
            await working

            again = await client.job(job.id)
            assert [index async for index, _ in again.results_indexed(cursor=1)] == [1, 2]
            status = await again.wait(timeout=5)
            assert (status.state, status.succeeded, status.failed) == ("done", 2, 1)
            assert [attempt.worker for attempt in await again.attempts()] == ["small@yard"]
            assert await again.dead_letters() == []
            assert [each.node for each in await client.fleet()] == ["small@yard"]
            assert [each.ref for each in await client.models()] == ["defects-small@1"]

    asyncio.run(main())


def test_errors_are_the_same(settings: Settings) -> None:
    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            with pytest.raises(InvalidArgument, match="expected several images"):
                await client.submit("a.jpg", model=MODEL)
            with pytest.raises(ModelUnknown):
                await client.submit(["a.jpg"], model="detects")
            with pytest.raises(JobUnknown):
                await client.job("job-2")
            job = await client.submit(["a.jpg"], model=MODEL)
            with pytest.raises(WaitTimeout, match="0 of 1 images"):
                await job.wait(timeout=0.1)
            with pytest.raises(ValueError, match="cursor=-1"):
                job.watch(cursor=-1)

    asyncio.run(main())


def test_images_may_come_from_the_loop(settings: Settings, ledger: Ledger) -> None:
    async def images() -> AsyncIterator[str]:
        for number in range(100):
            await asyncio.sleep(0)
            yield f"/archive/{number}.jpg"

    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            job = await client.submit(images(), model=MODEL)
            await worked(ledger, job)
            assert [index async for index, _ in job.results_indexed()] == [*range(100)]

    asyncio.run(main())


def test_a_list_is_spread_over_the_slots(settings: Settings, ledger: Ledger, registry: Registry) -> None:
    registry.publish_advert(advert("wide@yard", slots=3))

    async def main() -> str:
        async with AsyncClient(settings=settings) as client:
            return (await client.submit([f"{number}.jpg" for number in range(8)], model=MODEL)).id

    assert len(ledger.tasks(asyncio.run(main()))) == 4


async def never_coming() -> AsyncIterator[str]:
    for number in range(100):
        yield f"/archive/{number}.jpg"
    await asyncio.Event().wait()


def never_ending() -> Iterator[str]:
    return (f"/archive/{number}.jpg" for number in itertools.count())


@pytest.mark.parametrize("images", [never_coming, never_ending])
def test_a_task_that_is_cancelled_cancels_its_job(settings: Settings, redis_client: redis.Redis, images: Any) -> None:
    created: list[AsyncJob] = []

    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            task = asyncio.create_task(client.submit(images(), model=MODEL, on_created=created.append))
            while not created:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())

    assert states(redis_client) == ["cancelled"]


def test_closing_ends_a_submission_that_is_under_way(settings: Settings, redis_client: redis.Redis) -> None:
    created: list[AsyncJob] = []

    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            task = asyncio.create_task(client.submit(never_ending(), model=MODEL, on_created=created.append))
            while not created:
                await asyncio.sleep(0.01)
        with pytest.raises(JobClosed, match="the client was closed while images were being submitted"):
            await task

    asyncio.run(main())

    assert states(redis_client) == ["cancelled"]


def test_a_source_that_fails_cancels_its_job(settings: Settings, redis_client: redis.Redis) -> None:
    async def images() -> AsyncIterator[str]:
        for number in range(100):
            yield f"{number}.jpg"
        raise OSError("the bucket is away")

    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            with pytest.raises(OSError, match="the bucket is away"):
                await client.submit(images(), model=MODEL)

    asyncio.run(main())

    assert states(redis_client) == ["cancelled"]


def test_many_jobs_are_waited_for_with_few_threads(settings: Settings, ledger: Ledger) -> None:
    async def main() -> None:
        async with AsyncClient(settings=settings, threads=2) as client:
            jobs = await asyncio.gather(*(client.submit([f"{number}.jpg"], model=MODEL) for number in range(60)))
            waiting = [asyncio.create_task(job.wait(timeout=30)) for job in jobs]
            reading = asyncio.create_task(_count(jobs[0]))
            await asyncio.sleep(0.2)
            assert sum(thread.name.startswith("vedette-call") for thread in threading.enumerate()) == 2
            assert await asyncio.wait_for(client.models(), 5), "others are answered meanwhile"

            for job in jobs:
                await worked(ledger, job)

            assert {status.state for status in await asyncio.gather(*waiting)} == {"done"}
            assert await reading == 1

    asyncio.run(main())


async def _count(job: AsyncJob) -> int:
    return len([result async for result in job.results()])
