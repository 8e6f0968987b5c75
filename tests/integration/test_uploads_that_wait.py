"""Uploads of a job that waits for longer than they live: there when a worker comes, and gone when nobody needs them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from contract import keys
from contract.blobs import Blobs, digest_of
from contract.connection import connect
from contract.ledger import Claim, Ledger
from contract.messages import ImageRef
from contract.settings import Settings
from producer import Client
from tests.support.builders import image_refs, options
from tests.support.redis_cost import calls
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"
LIFETIME_S = 1.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"blob_lifetime": timedelta(seconds=LIFETIME_S)})


@pytest.fixture
def blobs(settings: Settings) -> Iterator[Blobs]:
    with connect(settings, binary=True) as binary:
        yield Blobs(binary, settings)


def now_s(redis_client: redis.Redis) -> float:
    seconds, microseconds = redis_client.time()
    return float(seconds) + float(microseconds) / 1e6


def reconcile_for(ledger: Ledger, redis_client: redis.Redis, seconds: float) -> None:
    """As the reconciler does, a little more often."""
    until_s = now_s(redis_client) + seconds
    wait_until(lambda: ledger.keep_waiting(0) < 0 or now_s(redis_client) > until_s, that="the time is over")


def test_a_job_that_waits_keeps_its_uploads_and_one_that_is_over_does_not(
    client: Client, blobs: Blobs, ledger: Ledger, redis_client: redis.Redis, settings: Settings
) -> None:
    # Given a job whose uploads are among other images, and an upload that no job refers to
    data = [bytes([number]) * 100 for number in range(3)]
    uploads = [client.upload(content) for content in data]
    lonely = client.upload(b"lonely")
    images = ["/in/a.jpg", *((f"{number}.jpg", uri) for number, uri in enumerate(uploads)), uploads[0]]
    job = client.submit(images, "defects-small")

    # When it waits three lifetimes long
    reconcile_for(ledger, redis_client, 3 * LIFETIME_S)

    # Then a worker finds all of them, and room is counted right
    (task,) = ledger.tasks(job.id)
    claim = ledger.claim(job.id, task, "small@yard")
    assert isinstance(claim, Claim)
    assert [blobs.get(digest_of(content), 1000) for content in data] == data
    assert blobs.get(lonely.rpartition(":")[2], 1000) is None
    blobs.put(digest_of(b"new"), b"new")
    assert int(redis_client.hget(keys.BLOB_BYTES, "all")) == 303
    assert redis_client.ttl(keys.BLOBS) > settings.blob_lifetime.total_seconds()

    # And when it no longer waits they are forgotten in their time
    reconcile_for(ledger, redis_client, 1.5 * LIFETIME_S)
    assert [blobs.get(digest_of(content), 1000) for content in data] == [None] * 3


def test_images_are_read_once_in_half_a_lifetime_and_of_others_once(ledger: Ledger, redis_client: redis.Redis) -> None:
    ledger.create_job("job-1", options(), QUEUE)
    upload = ImageRef(index=0, name="a", uri="blob:sha256:" + "0" * 64)
    ledger.add_task("job-1", "uploads", QUEUE, 8, [upload])
    ledger.add_task("job-1", "others", QUEUE, 8, image_refs(3, start=1))
    before = calls(redis_client, "hvals")

    for _ in range(20):
        ledger.keep_waiting(0)
    assert calls(redis_client, "hvals") - before == 2

    reconcile_for(ledger, redis_client, 0.6 * LIFETIME_S)
    assert calls(redis_client, "hvals") - before == 3


def test_a_name_that_reads_like_an_upload_is_none(ledger: Ledger, redis_client: redis.Redis, blobs: Blobs) -> None:
    digest = digest_of(b"not mine")
    blobs.put(digest, b"not mine")
    redis_client.pexpire(keys.blob(digest), 60_000)
    ledger.create_job("job-1", options(), QUEUE)
    name = f'"uri":"blob:sha256:{digest}"'
    ledger.add_task("job-1", "task-1", QUEUE, 8, [ImageRef(index=0, name=name, uri="/in/a.jpg")])
    redis_client.pexpire(keys.blob(digest), 500)

    ledger.keep_waiting(0)

    assert redis_client.pttl(keys.blob(digest)) <= 500


def test_a_lifetime_that_somebody_else_made_longer_is_not_cut(
    ledger: Ledger, redis_client: redis.Redis, blobs: Blobs
) -> None:
    digest = digest_of(b"long")
    blobs.put(digest, b"long")
    redis_client.pexpire(keys.blob(digest), 3_600_000)
    ledger.create_job("job-1", options(), QUEUE)
    ledger.add_task("job-1", "task-1", QUEUE, 8, [ImageRef(index=0, name="a", uri=f"blob:sha256:{digest}")])

    ledger.keep_waiting(0)

    assert redis_client.pttl(keys.blob(digest)) > 3_000_000


def test_a_task_whose_record_has_ended_is_not_written_again(ledger: Ledger, redis_client: redis.Redis) -> None:
    ledger.create_job("job-1", options(), QUEUE)
    ledger.add_task("job-1", "task-1", QUEUE, 8, image_refs(1))
    redis_client.delete(keys.task("task-1"))

    ledger.keep_waiting(0)

    assert not redis_client.exists(keys.task("task-1"))
