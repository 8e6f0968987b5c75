"""Who waits for a job is woken by its first result, against a real Redis."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from contract import keys
from contract.ledger import Ledger
from contract.settings import Settings
from producer import AsyncClient, Client, Job, WaitTimeout
from tests.integration.test_producer import work
from tests.support.recipes import access_recipes, make_users, url_of
from tests.support.redis_cost import calls
from tests.support.wait import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("fleet")]

MODEL = "defects-small"


def blocked(redis_client: redis.Redis) -> int:
    clients: int = redis_client.info("clients")["blocked_clients"]
    return clients


@contextmanager
def in_a_thread(job: Job) -> Iterator[list[str]]:
    """Images of the results that came; the block ends when all are there."""
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(result.image for result in job.results(timeout=20)))
    reader.start()
    yield seen
    reader.join()


def test_the_first_result_is_waited_for_and_not_looked_for(
    client: Client, ledger: Ledger, redis_client: redis.Redis
) -> None:
    job = client.submit(["a.jpg"], model=MODEL)
    redis_client.config_resetstat()

    with in_a_thread(job) as seen:
        looks = wait_until(lambda: calls(redis_client, "blmove") >= 3 and calls(redis_client, "lrange"))
        waits = calls(redis_client, "blmove")
        work(ledger, job)

    assert seen == ["a.jpg"]
    assert looks <= waits + 1, "one before each wait"


def test_waiting_changes_nothing(client: Client, ledger: Ledger, redis_client: redis.Redis) -> None:
    job = client.submit(["a.jpg", "b.jpg", "c.jpg"], model=MODEL)
    order = keys.job_order(job.id)

    ledger.wait_for_first(job.id, 0)  # Redis would take 0 for ever
    assert not redis_client.exists(order)

    waiting = [threading.Thread(target=ledger.wait_for_first, args=(job.id, 10)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: blocked(redis_client) == 3)
    work(ledger, job)
    for thread in waiting:
        thread.join()
    ledger.wait_for_first(job.id, 10)

    assert redis_client.lrange(order, 0, -1) == ["0", "1", "2"]
    assert redis_client.pttl(order) > 60_000


def test_a_wait_has_its_end_though_nothing_comes(client: Client) -> None:
    job = client.submit(["a.jpg"], model=MODEL)

    with pytest.raises(WaitTimeout, match="0 of 1 images"):
        job.wait(timeout=0.05)
    job.cancel()
    assert job.wait(timeout=5).state == "cancelled"


def test_a_user_who_may_not_wait_looks(settings: Settings, ledger: Ledger, redis_client: redis.Redis) -> None:
    # Given a user that was made for an older Vedette
    make_users(redis_client)
    redis_client.execute_command("ACL SETUSER", "producer", "-blmove")
    redis_client.acl_log_reset()
    try:
        with Client(url_of("producer", settings.redis_url), settings=settings) as client:
            job = client.submit(["a.jpg"], model=MODEL)
            redis_client.config_resetstat()

            with in_a_thread(job) as seen:
                wait_until(lambda: calls(redis_client, "lrange") >= 5, that="it looks")
                work(ledger, job)

        assert seen == ["a.jpg"]
        assert [(entry["object"], entry["count"]) for entry in redis_client.acl_log()] == [("blmove", 1)]
    finally:
        for user in access_recipes():
            redis_client.acl_deluser(user)


def test_in_an_event_loop_a_few_are_woken_and_the_others_look(
    settings: Settings, ledger: Ledger, redis_client: redis.Redis
) -> None:
    async def main() -> None:
        async with AsyncClient(settings=settings) as client:
            jobs = [await client.submit(["a.jpg"], model=MODEL) for _ in range(40)]
            waiting = [asyncio.create_task(job.wait(timeout=30)) for job in jobs]
            await asyncio.to_thread(wait_until, lambda: blocked(redis_client) == 16, that="sixteen wait")

            for job in reversed(jobs):
                await asyncio.to_thread(work, ledger, job)
            assert {status.state for status in await asyncio.gather(*waiting)} == {"done"}

            given_up = asyncio.create_task((await client.submit(["a.jpg"], model=MODEL)).wait())
            await asyncio.to_thread(wait_until, lambda: blocked(redis_client) == 1)
            given_up.cancel()

    asyncio.run(main())
    wait_until(lambda: blocked(redis_client) == 0)
