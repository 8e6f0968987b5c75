"""A job's webhook, as both clients take it."""

import asyncio

import pytest

from producer import AsyncClient, Client, WebhookRefused

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("fleet")]

URL = "https://Hooks.example.org/in?token=x#here"


@pytest.fixture
def opened(settings):
    return settings.model_copy(update={"webhook_hosts": ("hooks.example.org",)})


def taken(ledger, settings):
    return [(notice.job, notice.url) for notice in ledger.take_notices(10, settings.lease)]


def test_client(opened, ledger):
    with Client(settings=opened) as client:
        job = client.submit(["/in/a.jpg"], "defects-small", webhook=URL)
        job.cancel()

    assert taken(ledger, opened) == [(job.id, "https://hooks.example.org/in?token=x")]


def test_async_client(opened, ledger):
    async def submit():
        async with AsyncClient(settings=opened) as client:
            job = await client.submit(["/in/a.jpg"], "defects-small", webhook=URL)
            await job.cancel()
            return job.id

    job_id = asyncio.run(submit())

    assert taken(ledger, opened) == [(job_id, "https://hooks.example.org/in?token=x")]


def test_one_that_is_not_allowed_leaves_no_job_behind(settings, redis_client):
    with Client(settings=settings) as client, pytest.raises(WebhookRefused, match="VEDETTE_WEBHOOK_HOSTS"):
        client.submit(["/in/a.jpg"], "defects-small", webhook=URL)

    assert redis_client.keys("vedette:job:*") == []


def test_images_that_are_none_are_told_as_cancelled(opened, ledger):
    with Client(settings=opened) as client, pytest.raises(ValueError, match="no more"):
        client.submit(_breaking(), "defects-small", webhook=URL)

    (notice,) = ledger.take_notices(10, opened.lease)
    assert notice.state == "cancelled"


def _breaking():
    yield from (f"/in/{number}.jpg" for number in range(100))
    raise ValueError("no more")
