"""The producer against a real Redis. The worker's side is played by calls of the ledger, in the test or in a thread."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from contract import keys
from contract.ledger import Attempt, Ledger, PutBack
from contract.messages import ImageRef, ImageResult
from contract.registry import Registry
from contract.settings import Settings
from producer import (
    Client,
    InvalidArgument,
    Job,
    JobClosed,
    JobUnknown,
    ModelUnknown,
    NoCapableWorker,
    RedisRefused,
    RedisUnreachable,
    SettingsError,
    WaitTimeout,
)
from tests.support.builders import DIGEST, advert, found, image_refs, not_processed, options, spec
from tests.support.redis_server import free_port, redis_server
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    with Client(settings=settings) as client:
        yield client


def rung(redis_client: redis.Redis, queue: str = QUEUE) -> list[dict[str, Any]]:
    """The Celery messages on a queue, first rung first."""
    return [json.loads(text) for text in reversed(redis_client.lrange(queue, 0, -1))]


def work(ledger: Ledger, job: Job, *, backwards: bool = False, pause_s: float = 0) -> None:
    """Does every task of the job that there is now; images called bad fail."""
    for task in ledger.tasks(job.id):
        claim = ledger.claim(job.id, task, "small@yard")
        assert not isinstance(claim, str), claim
        for image in reversed(claim.images) if backwards else claim.images:
            time.sleep(pause_s)
            ledger.record(job.id, task, claim.attempt, [(image.index, result_of(image))])
        attempt = Attempt(attempt=claim.attempt, worker="small@yard", batch_size=8, ended=datetime.now(UTC))
        ledger.close(job.id, task, attempt, PutBack(QUEUE, 8))


def result_of(image: ImageRef) -> ImageResult:
    return not_processed(image.name) if "bad" in image.name else found(image.name)


# Submitting


@pytest.mark.usefixtures("fleet")
def test_submit_rings_on_the_models_queue(client: Client, ledger: Ledger, redis_client: redis.Redis) -> None:
    job = client.submit(["a.jpg", ("second", "/archive/b.jpg")], model="defects-small", batch_size=4, min_score=0.25)

    (task,) = ledger.tasks(job.id)
    (message,) = rung(redis_client)
    _, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert message["headers"]["task"] == "vedette.detect"
    assert message["headers"]["id"] == task
    assert kwargs == {"v": 1, "job": job.id, "task": task, "model": "defects-small@1", "batch_size": 4}

    claim = ledger.claim(job.id, task, "small@yard")
    assert not isinstance(claim, str)
    assert claim.images == (
        ImageRef(index=0, name="a.jpg", uri=str(Path("a.jpg").absolute())),
        ImageRef(index=1, name="second", uri="/archive/b.jpg"),
    )
    assert claim.options.model_dump() == {
        "v": 1,
        "model": "defects-small@1",
        "digest": DIGEST,
        "batch_size": 4,
        "min_score": 0.25,
        "allow_degraded": False,
        "max_failure_rate": None,
    }
    status = job.status()
    assert (status.state, status.sealed, status.queue, status.total) == ("open", True, QUEUE, 2)


@pytest.mark.usefixtures("fleet")
def test_a_job_can_ask_for_exactness(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg"], model="defects-small", exact=True)

    assert ledger.options(job.id).exact


@pytest.mark.usefixtures("fleet")
def test_batch_size_is_the_models_own_by_default(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg"], model="defects-small@latest")

    record = ledger.task(ledger.tasks(job.id)[0])
    assert record is not None
    assert record.batch_size == spec().throughput.default_batch


@pytest.mark.usefixtures("fleet")
def test_a_generator_is_cut_into_bounded_tasks(client: Client, ledger: Ledger, settings: Settings) -> None:
    job = client.submit((f"/archive/{number:05}.jpg" for number in range(10_000)), model="defects-small")

    tasks = ledger.tasks(job.id)
    assert len(tasks) == -(-10_000 // settings.task_images)
    assert job.status().total == 10_000
    assert [image.index for image in ledger.images_left(tasks[1])] == [*range(32, 64)]


def test_a_small_job_is_spread_over_the_slots(client: Client, registry: Registry, ledger: Ledger) -> None:
    registry.publish_model(spec())
    registry.publish_advert(advert("wide@yard", slots=4))

    job = client.submit([f"{number}.jpg" for number in range(8)], model="defects-small")

    assert len(ledger.tasks(job.id)) == 4


@pytest.mark.usefixtures("fleet")
def test_two_submits_do_not_clash(client: Client, settings: Settings, ledger: Ledger) -> None:
    jobs: list[Job] = []
    with Client(settings=settings) as other:
        threads = [
            threading.Thread(target=lambda who=who: jobs.append(who.submit(many(), model="defects-small")))
            for who in (client, client, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len({job.id for job in jobs}) == 3
        for job in jobs:
            work(ledger, job)
            assert job.wait(timeout=5).succeeded == 100


def many() -> list[str]:
    return [f"/archive/{number}.jpg" for number in range(100)]


# What is refused, and leaves nothing behind


@pytest.mark.usefixtures("fleet")
def test_unknown_model(client: Client, redis_client: redis.Redis) -> None:
    with pytest.raises(ModelUnknown, match=r"unknown model 'detects'\. Known: defects-small@1"):
        client.submit(["a.jpg"], model="detects")

    assert no_job(redis_client)


def test_no_capable_worker_says_what_is_missing(client: Client, registry: Registry, redis_client: redis.Redis) -> None:
    registry.publish_model(spec(base="3g"))
    registry.publish_advert(advert("small@yard", memory="1g"))

    with pytest.raises(NoCapableWorker) as caught:
        client.submit(["a.jpg"], model="defects-small")

    assert "it needs 4 GiB of memory per slot" in str(caught.value)
    assert "small@yard has 1.0 GiB per slot" in str(caught.value)
    assert no_job(redis_client)


def test_allow_waiting_queues_it_anyway(client: Client, registry: Registry, redis_client: redis.Redis) -> None:
    registry.publish_model(spec(base="3g"))

    job = client.submit(["a.jpg"], model="defects-small", allow_waiting=True)

    assert job.status().queue == "detect.any.4g"
    assert len(rung(redis_client, "detect.any.4g")) == 1
    assert "detect.any.4g" in registry.queues_in_use()


@pytest.mark.usefixtures("fleet")
def test_no_images(client: Client, redis_client: redis.Redis) -> None:
    with pytest.raises(InvalidArgument, match="images is empty"):
        client.submit((), model="defects-small")

    assert no_job(redis_client)


@pytest.mark.usefixtures("fleet")
def test_an_image_that_is_none_cancels_the_job_begun(client: Client, redis_client: redis.Redis) -> None:
    images: Any = [*many(), None]

    with pytest.raises(InvalidArgument, match=r"images\[100\]: None"):
        client.submit(iter(images), model="defects-small")

    assert states_of_all_jobs(redis_client) == ["cancelled"]


@pytest.mark.usefixtures("fleet")
def test_a_list_with_an_image_that_is_none_begins_no_job(client: Client, redis_client: redis.Redis) -> None:
    images: Any = [*many(), None]

    with pytest.raises(InvalidArgument, match=r"images\[100\]: None"):
        client.submit(images, model="defects-small")

    assert no_job(redis_client)


@pytest.mark.usefixtures("fleet")
def test_a_callers_generator_that_fails_cancels_the_job_begun(client: Client, redis_client: redis.Redis) -> None:
    def images() -> Iterator[str]:
        yield from many()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.submit(images(), model="defects-small")

    assert states_of_all_jobs(redis_client) == ["cancelled"]


@pytest.mark.usefixtures("fleet")
def test_a_job_cancelled_by_another_while_it_is_submitted(client: Client, redis_client: redis.Redis) -> None:
    def images() -> Iterator[str]:
        yield from many()
        client.job(only_job(redis_client)).cancel()
        yield from many()

    with pytest.raises(JobClosed, match="takes no more images"):
        client.submit(images(), model="defects-small")


def test_no_redis() -> None:
    with Client(f"redis://127.0.0.1:{free_port()}/0") as client:
        for call in (client.models, client.fleet, lambda: client.job("job-1"), lambda: client.submit(["a"], "m")):
            with pytest.raises(RedisUnreachable, match=r"no Redis at redis://127\.0\.0\.1"):
                call()


@pytest.mark.parametrize("url", ["localhost:6379", "redis://host:port/0"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        Client(url)


def test_redis_goes_away_while_submitting(tmp_path: Path, settings: Settings) -> None:
    with redis_server(tmp_path) as url:
        publish(url, settings)

        def images() -> Iterator[str]:
            yield from many()[:64]
            with redis.Redis.from_url(url) as raw:
                raw.shutdown(nosave=True)
            yield from many()

        client = Client(url, settings=settings, patience=timedelta(0))
        with client, pytest.raises(RedisUnreachable) as caught:
            client.submit(images(), model="defects-small")

    assert "64 images were, and the job could not be cancelled" in str(caught.value)
    assert "job job-" in str(caught.value)


@pytest.mark.usefixtures("fleet")
def test_a_redis_that_is_full_says_so(client: Client, redis_client: redis.Redis) -> None:
    redis_client.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisRefused, match="maxmemory"):
            client.submit(["a.jpg"], model="defects-small")
    finally:
        redis_client.config_set("maxmemory", "0")


# Results


@pytest.mark.usefixtures("fleet")
def test_results_stream_in_the_order_of_completion(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg", "bad.jpg", "c.jpg"], model="defects-small")
    worker = threading.Thread(target=work, args=(ledger, job), kwargs={"backwards": True, "pause_s": 0.1})
    worker.start()

    seen = []
    for result in job.results(timeout=10):
        seen.append(result.image)
        if len(seen) == 1:
            assert job.status().done < 3, "the first came before the last was done"
    worker.join()

    assert seen == ["c.jpg", "bad.jpg", "a.jpg"]
    status = job.wait(timeout=1)
    assert (status.state, status.succeeded, status.failed) == ("done", 2, 1)
    assert [attempt.worker for attempt in job.attempts()] == ["small@yard"]


@pytest.mark.usefixtures("fleet")
def test_results_of_a_long_job_come_each_once(client: Client, ledger: Ledger) -> None:
    job = client.submit((f"/archive/{number}.jpg" for number in range(1000)), model="defects-small")
    work(ledger, job)

    assert [index for index, _ in job.results_indexed()] == [*range(1000)]
    assert [index for index, _ in job.results_indexed(cursor=990)] == [*range(990, 1000)]


@pytest.mark.usefixtures("fleet")
def test_watch_yields_without_news_and_says_where_to_go_on(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg", "b.jpg"], model="defects-small")
    updates = job.watch()

    assert next(updates).results == ()
    work(ledger, job)
    update = next(updates)
    assert (len(update.results), update.cursor, update.status.state) == (2, 2, "done")
    assert [*updates] == []


@pytest.mark.usefixtures("fleet")
def test_watch_looks_once_more_where_a_failure_could_be_put_back(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg", "bad.jpg"], model="defects-small")
    work(ledger, job)
    updates = job.watch()

    assert len(next(updates).results) == 2

    assert [update.results for update in updates] == [()]


@pytest.mark.usefixtures("fleet")
def test_timeouts_say_how_far_it_got(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg", "bad.jpg", "c.jpg"], model="defects-small")
    (task,) = ledger.tasks(job.id)
    claim = ledger.claim(job.id, task, "small@yard")
    assert not isinstance(claim, str)
    ledger.record(job.id, task, claim.attempt, [(image.index, result_of(image)) for image in claim.images[:2]])

    with pytest.raises(WaitTimeout, match=rf"job {job.id} has not ended after 0\.2 s: 2 of 3 images done, 1 of them"):
        job.wait(timeout=0.2)
    with pytest.raises(WaitTimeout):
        job.wait(timeout=timedelta(0))

    seen = []
    with pytest.raises(WaitTimeout):
        seen.extend(result.image for result in job.results(timeout=0.2))
    results = job.results(timeout=0)
    assert [next(results).image, next(results).image] == ["a.jpg", "bad.jpg"]
    with pytest.raises(WaitTimeout):
        next(results)


@pytest.mark.usefixtures("fleet")
def test_cancel(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg", "b.jpg"], model="defects-small")
    (task,) = ledger.tasks(job.id)

    assert job.cancel() == "open"
    assert job.cancel() == "cancelled"

    assert ledger.claim(job.id, task, "small@yard") == "cancelled"
    assert job.wait(timeout=1).state == "cancelled"
    assert [*job.results(timeout=1)] == []


@pytest.mark.usefixtures("fleet")
def test_another_client_finds_the_job_again(client: Client, settings: Settings, ledger: Ledger) -> None:
    job_id = client.submit(["a.jpg"], model="defects-small").id
    client.close()

    with Client(settings.redis_url) as other:
        job = other.job(job_id)
        work(ledger, job)
        assert [result.image for result in job.results(timeout=5)] == ["a.jpg"]
        with pytest.raises(JobUnknown, match="unknown job 'job-20200101-00000000'"):
            other.job("job-20200101-00000000")


def test_results_outlast_a_restart_of_redis(tmp_path: Path, settings: Settings) -> None:
    port = free_port()
    with redis_server(tmp_path, port=port) as url, Client(url, settings=settings) as client:
        publish(url, settings)
        job = client.submit(["a.jpg"], model="defects-small")
        results = job.results(timeout=20)
        waiter: list[object] = []

        def take() -> None:
            try:
                waiter.extend(results)
            except JobUnknown as error:
                waiter.append(error)

        thread = threading.Thread(target=take)
        thread.start()
        time.sleep(0.2)
        with redis.Redis.from_url(url) as raw:
            raw.shutdown(nosave=True)
        time.sleep(1)
        assert thread.is_alive(), "a blip is sat out"
        (tmp_path / "second").mkdir()
        with redis_server(tmp_path / "second", port=port):
            wait_until(lambda: not thread.is_alive(), that="the waiter hears from the new Redis")
        thread.join()

    assert isinstance(waiter[0], JobUnknown), "which has forgotten the job, and says so"


# The ledger's part of it


def test_a_task_that_is_added_twice_counts_once(ledger: Ledger) -> None:
    """redis-py asks again when the answer was lost on the way."""
    ledger.create_job("job-1", options(), QUEUE)
    ledger.add_task("job-1", "task-1", QUEUE, 8, image_refs(3))
    claim = ledger.claim("job-1", "task-1", "small@yard")

    ledger.add_task("job-1", "task-1", QUEUE, 8, image_refs(3))

    assert not isinstance(claim, str)
    assert ledger.status("job-1").total == 3
    assert ledger.tasks("job-1") == ["task-1"]
    assert ledger.renew(claim) == "held"


@pytest.mark.usefixtures("fleet")
def test_everything_left_behind_has_a_lifetime(client: Client, ledger: Ledger, redis_client: redis.Redis) -> None:
    work(ledger, client.submit(["a.jpg", "bad.jpg"], model="defects-small"))

    ours = [key for key in redis_client.keys("*") if key.startswith(keys.PREFIX)]
    assert ours
    assert [key for key in ours if redis_client.ttl(key) < 0] == []


def publish(url: str, settings: Settings) -> None:
    with redis.Redis.from_url(url, decode_responses=True) as raw:
        registry = Registry(raw, settings)
        registry.publish_model(spec())
        registry.publish_advert(advert())


def only_job(redis_client: redis.Redis) -> str:
    (key,) = (key for key in redis_client.keys(keys.job("*")) if key.count(":") == 2)
    return str(key).removeprefix(keys.job(""))


def no_job(redis_client: redis.Redis) -> bool:
    return not redis_client.keys(keys.job("*"))


def states_of_all_jobs(redis_client: redis.Redis) -> list[str]:
    return [redis_client.hget(key, "state") for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]
