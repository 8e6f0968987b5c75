"""Dead letters from the producer's side, against a real Redis; the worker's side is played by calls of the ledger."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from contract import keys
from contract.ledger import Attempt, Ledger, PutBack
from contract.registry import Registry
from contract.settings import Settings
from producer import Client, InvalidArgument, Job, JobClosed, JobUnknown, NoCapableWorker, RedisUnreachable
from tests.support.builders import found, not_processed, spec
from tests.support.redis_server import redis_server

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("fleet")]

QUEUE = "detect.any.512m"
IMAGES = ["a.jpg", "dead-1.jpg", "missing.jpg", "dead-2.jpg"]


def rung(redis_client: redis.Redis, queue: str = QUEUE) -> list[str]:
    """The tasks that were rung for on a queue, and the queue is empty."""
    messages = [json.loads(text) for text in reversed(redis_client.lrange(queue, 0, -1))]
    redis_client.delete(queue)
    for message in messages:
        _, kwargs, _ = json.loads(base64.b64decode(message["body"]))
        assert kwargs["task"] == message["headers"]["id"]
    return [message["headers"]["id"] for message in messages]


def work(ledger: Ledger, job: Job, *, better: bool = False) -> None:
    """Does every queued task; images called dead die, unless things are `better`."""
    for task in ledger.tasks(job.id):
        claim = ledger.claim(job.id, task, "small@yard")
        if isinstance(claim, str):
            continue
        for image in claim.images:
            result = found(image.name)
            if "missing" in image.name:
                result = not_processed(image.name)
            elif "dead" in image.name and not better:
                result = not_processed(image.name, "memory")
            ledger.record(job.id, task, claim.attempt, [(image.index, result)])
        attempt = Attempt(attempt=claim.attempt, worker="small@yard", batch_size=8, ended=datetime.now(UTC))
        ledger.close(job.id, task, attempt, PutBack(QUEUE, 8))


@pytest.fixture
def job(client: Client, ledger: Ledger, redis_client: redis.Redis) -> Job:
    """Done; of four images two are dead letters and one is missing."""
    job = client.submit(IMAGES, model="defects-small", batch_size=4)
    work(ledger, job)
    rung(redis_client)
    return job


def names(job: Job) -> list[str]:
    return [letter.image.name for letter in job.dead_letters()]


def test_dead_letters_with_what_was_tried(job: Job) -> None:
    letters = job.dead_letters()

    assert [(letter.index, letter.image.name, letter.failure.code) for letter in letters] == [
        (1, "dead-1.jpg", "memory"),
        (3, "dead-2.jpg", "memory"),
    ]
    assert letters[0].image.uri == str(Path("dead-1.jpg").absolute())
    assert [attempt.worker for attempt in job.attempts(letters[0].task)] == ["small@yard"]
    assert job.attempts(letters[0].task) == job.attempts()


def test_retry_prolongs_the_uploads_among_them(client: Client, ledger: Ledger, redis_client: redis.Redis) -> None:
    uploads = [client.upload(b"one"), client.upload(b"two")]
    blobs = ["vedette:blob:" + upload.rpartition(":")[2] for upload in uploads]
    job = client.submit([("dead-1.jpg", uploads[0]), ("dead-2.jpg", uploads[1])], model="defects-small")
    work(ledger, job)
    redis_client.pexpire(blobs[0], 60_000)
    redis_client.delete(blobs[1])

    # Also when one is forgotten: its worker says so
    assert client.retry_dead(job.id) == 2
    assert redis_client.ttl(blobs[0]) > 60


def test_retry_puts_them_back_and_rings(client: Client, job: Job, ledger: Ledger, redis_client: redis.Redis) -> None:
    assert client.retry_dead(job.id) == 2

    tasks = ledger.tasks(job.id)[1:]
    assert rung(redis_client) == tasks
    record = ledger.task(tasks[0])
    assert record is not None
    assert (record.queue, record.batch_size) == (QUEUE, 4), "the job's own batch size"
    assert (job.status().state, job.status().failed, names(job)) == ("open", 1, [])
    work(ledger, job, better=True)
    status = job.wait(timeout=5)
    assert (status.state, status.succeeded, status.failed) == ("done", 3, 1)
    assert [result.image for result in job.results()] == ["a.jpg", "missing.jpg", "dead-1.jpg", "dead-2.jpg"]


def test_retry_of_some(client: Client, job: Job) -> None:
    assert client.retry_dead(job.id, ["dead-2.jpg"]) == 1
    assert names(job) == ["dead-1.jpg"]

    with pytest.raises(InvalidArgument, match=f"job {job.id} has no dead letter of 'dead-2.jpg'"):
        client.retry_dead(job.id, ["dead-2.jpg", "dead-1.jpg"])
    assert names(job) == ["dead-1.jpg"]
    assert client.retry_dead(job.id) == 1
    assert client.retry_dead(job.id) == 0


def test_retry_goes_where_the_model_fits_now(
    client: Client, job: Job, registry: Registry, ledger: Ledger, redis_client: redis.Redis
) -> None:
    # Given that the model turned out to need more than it said
    registry.publish_model(spec(base="3g"))

    # When nobody has that, then nothing is put back
    with pytest.raises(NoCapableWorker, match="it needs 4 GiB of memory per slot"):
        client.retry_dead(job.id)
    assert len(names(job)) == 2

    # When it may wait, then it waits there
    assert client.retry_dead(job.id, allow_waiting=True) == 2
    assert rung(redis_client, "detect.any.4g") == ledger.tasks(job.id)[1:]
    assert "detect.any.4g" in registry.queues_in_use()


def test_many_are_cut_into_bounded_tasks(client: Client, ledger: Ledger, redis_client: redis.Redis) -> None:
    job = client.submit((f"dead-{number}.jpg" for number in range(100)), model="defects-small")
    work(ledger, job)
    rung(redis_client)

    assert client.retry_dead(job.id) == 100

    tasks = ledger.tasks(job.id)[4:]
    assert [len(ledger.images_left(task)) for task in tasks] == [32, 32, 32, 4]
    assert rung(redis_client) == tasks


def test_a_stopped_job_goes_on(client: Client, ledger: Ledger, redis_client: redis.Redis) -> None:
    # Given a job of two tasks, stopped in the first
    images = [*(f"dead-{number}.jpg" for number in range(32)), *(f"{number}.jpg" for number in range(32))]
    job = client.submit(images, model="defects-small", max_failure_rate=0.1)
    work(ledger, job)
    assert (job.wait(timeout=1).state, job.status().failed) == ("stopped", 7)
    first, second = rung(redis_client)

    # When the dead are put back
    assert client.retry_dead(job.id) == 7

    # Then it is rung for what was left too, and the job ends
    assert sorted(rung(redis_client)) == sorted([first, second, *ledger.tasks(job.id)[2:]])
    work(ledger, job, better=True)
    status = job.wait(timeout=5)
    assert (status.state, status.succeeded) == ("done", 64)


def test_a_reader_of_many_results_passes_over_those_that_were_put_back(client: Client, ledger: Ledger) -> None:
    # Given more dead letters at the beginning than are read at once
    job = client.submit([*(f"dead-{n}.jpg" for n in range(500)), "a.jpg"], model="defects-small")
    work(ledger, job)
    assert client.retry_dead(job.id) == 500

    # When one looks what there is
    update = next(job.watch())

    # Then that comes first, not a word that there is nothing
    assert [result.image for _, result in update.results] == ["a.jpg"]
    assert update.cursor == 501
    work(ledger, job, better=True)
    assert len([*job.results(timeout=5)]) == 501
    assert len([*job.results_indexed(cursor=update.cursor, timeout=5)]) == 500


def test_a_follower_sees_an_image_again_that_was_put_back(client: Client, ledger: Ledger) -> None:
    job = client.submit(["a.jpg", "dead.jpg"], model="defects-small")
    task = ledger.tasks(job.id)[0]
    claim = ledger.claim(job.id, task, "small@yard")
    assert not isinstance(claim, str)
    ledger.record(job.id, task, claim.attempt, [(1, not_processed("dead.jpg", "crash"))])
    results = job.results(timeout=5)
    assert not next(results).ok

    client.retry_dead(job.id)
    work(ledger, job, better=True)
    ledger.record(job.id, task, claim.attempt, [(0, found("a.jpg"))])

    assert [(result.image, result.ok) for result in results] == [("dead.jpg", True), ("a.jpg", True)]


def test_a_cancelled_job_gets_nothing_back(client: Client, ledger: Ledger) -> None:
    job = client.submit(["dead.jpg", "a.jpg"], model="defects-small")
    (task,) = ledger.tasks(job.id)
    claim = ledger.claim(job.id, task, "small@yard")
    assert not isinstance(claim, str)
    ledger.record(job.id, task, claim.attempt, [(0, not_processed("dead.jpg", "lost"))])
    job.cancel()

    with pytest.raises(JobClosed, match=f"job {job.id} was cancelled"):
        client.retry_dead(job.id)

    assert names(job) == ["dead.jpg"]


def test_drop(job: Job) -> None:
    assert job.drop_dead(["dead-1.jpg"]) == 1
    assert names(job) == ["dead-2.jpg"]
    with pytest.raises(InvalidArgument, match=r"dead-1\.jpg"):
        job.drop_dead(["dead-1.jpg"])

    assert (job.drop_dead(), job.drop_dead()) == (1, 0)
    assert (job.status().state, job.status().failed) == ("done", 3)


def test_unknown_jobs(client: Client, job: Job, redis_client: redis.Redis) -> None:
    with pytest.raises(JobUnknown):
        client.retry_dead("job-9")
    redis_client.delete(keys.job(job.id))
    with pytest.raises(JobUnknown):
        job.dead_letters()
    with pytest.raises(JobUnknown):
        job.drop_dead()


def test_no_redis(tmp_path: Path, settings: Settings) -> None:
    with redis_server(tmp_path) as url:
        client = Client(url, settings=settings, patience=timedelta(0))
    with client, pytest.raises(RedisUnreachable):
        client.retry_dead("job-1")
