"""Uploads against a real Redis: kept once, for a while, and no more than so much."""

import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from contract import keys
from contract.blobs import Blobs, digest_of
from contract.connection import connect
from contract.errors import BlobsFull
from contract.ledger import Ledger
from contract.registry import Registry
from contract.settings import Settings
from producer import Client, InvalidArgument
from tests.support.builders import advert, spec
from tests.support.protocol import documented_patterns
from tests.support.wait import wait_until
from workers.images.errors import ImageError
from workers.images.fetch import read_image

pytestmark = pytest.mark.integration

#: No text, and with a NUL in it.
DATA = bytes(range(256))
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def limited(settings: Settings) -> Settings:
    return settings.model_copy(update={"blob_bytes": 1000})


@pytest.fixture
def binary(settings: Settings) -> Iterator[redis.Redis]:
    with connect(settings, binary=True) as client:
        yield client


@pytest.fixture
def blobs(binary: redis.Redis, limited: Settings) -> Blobs:
    return Blobs(binary, limited)


def briefly(binary: redis.Redis, settings: Settings, **lifetime: float) -> Blobs:
    return Blobs(binary, settings.model_copy(update={"blob_lifetime": timedelta(**lifetime)}))


def used_bytes(redis_client: redis.Redis) -> int:
    return int(redis_client.hget(keys.BLOB_BYTES, "all") or 0)


def put(blobs: Blobs, size_bytes: int, fill: int = 0) -> str:
    data = bytes([fill]) * size_bytes
    blobs.put(digest_of(data), data)
    return digest_of(data)


def test_bytes_come_back_as_they_were(blobs: Blobs) -> None:
    blobs.put(DIGEST, DATA)

    assert blobs.get(DIGEST, 1000) == DATA
    assert blobs.get(DIGEST, 256) == DATA
    assert len(blobs.get(DIGEST, 255) or b"") == 256
    assert len(blobs.get(DIGEST, 100) or b"") == 101
    assert blobs.get("0" * 64, 1000) is None


def test_the_same_bytes_are_kept_and_counted_once(blobs: Blobs, redis_client: redis.Redis) -> None:
    for _ in range(5):
        blobs.put(DIGEST, DATA)

    assert used_bytes(redis_client) == 256


def test_the_limit_is_that_of_all_together_and_an_error_says_what_to_do(
    blobs: Blobs, redis_client: redis.Redis
) -> None:
    first = put(blobs, 600, fill=1)
    put(blobs, 400, fill=2)

    with pytest.raises(BlobsFull, match=r"1 KiB of 1 KiB are taken \(VEDETTE_BLOB_BYTES\).*try again later") as full:
        put(blobs, 1, fill=3)

    # Then nothing was thrown out, and what is there may be uploaded again
    assert full.value.code == "blobs_full"
    assert used_bytes(redis_client) == 1000
    assert put(blobs, 600, fill=1) == first
    assert blobs.get(first, 1000) == b"\1" * 600


def test_what_is_forgotten_makes_room(binary: redis.Redis, limited: Settings, redis_client: redis.Redis) -> None:
    brief = briefly(binary, limited, milliseconds=100)
    forgotten = put(brief, 1000)

    wait_until(lambda: brief.get(forgotten, 1000) is None, that="the upload is forgotten")

    put(brief, 700, fill=1)
    assert used_bytes(redis_client) == 700
    assert redis_client.zcard(keys.BLOBS) == 1
    assert redis_client.hlen(keys.BLOB_BYTES) == 2


def test_what_was_taken_away_by_hand_is_counted_no_more(blobs: Blobs, redis_client: redis.Redis) -> None:
    digest = put(blobs, 700)
    redis_client.delete(keys.blob(digest))

    assert put(blobs, 700) == digest
    assert used_bytes(redis_client) == 700


def test_who_refers_to_it_prolongs_it(binary: redis.Redis, limited: Settings, redis_client: redis.Redis) -> None:
    brief, long = briefly(binary, limited, seconds=5), briefly(binary, limited, hours=5)
    brief.put(DIGEST, DATA)
    listed_ms = redis_client.zscore(keys.BLOBS, DIGEST)

    assert long.renew([DIGEST, "0" * 64]) == ["0" * 64]

    assert redis_client.ttl(keys.blob(DIGEST)) > 4 * 3600
    assert redis_client.zscore(keys.BLOBS, DIGEST) > listed_ms + 4 * 3600_000
    # And uploading it again, with others meanwhile, shortens nothing that is counted
    assert redis_client.zscore(keys.BLOBS, "0" * 64) is None


def test_what_was_put_for_nothing_is_released_unless_somebody_refers_to_it(
    blobs: Blobs, limited: Settings, redis_client: redis.Redis
) -> None:
    released, referred, again, others = (bytes([fill]) * 100 for fill in range(4))
    before = blobs.put(digest_of(others), others)
    new = {digest_of(data): blobs.put(digest_of(data), data) for data in (released, referred, again, others)}
    assert before > 0
    assert new[digest_of(others)] == 0
    lifetime_s = limited.blob_lifetime.total_seconds()
    # The end of a lifetime tells who referred to it last, by the millisecond
    wait_until(lambda: redis_client.time()[0] + lifetime_s > max(new.values()) / 1000)
    blobs.renew([digest_of(referred)])
    put(blobs, 100, fill=2)

    blobs.release(new)

    assert [blobs.get(digest_of(data), 100) is None for data in (released, referred, again, others)] == [
        True,
        False,
        False,
        False,
    ]
    assert used_bytes(redis_client) == 300
    assert redis_client.zcard(keys.BLOBS) == 3


def test_nobody_shortens_what_another_one_needs(binary: redis.Redis, limited: Settings, blobs: Blobs) -> None:
    until_ms = blobs.put(DIGEST, DATA)
    brief = briefly(binary, limited, seconds=5)

    assert brief.put(DIGEST, DATA) == 0
    assert brief.renew([DIGEST]) == []
    assert binary.ttl(keys.blob(DIGEST)) > 3600
    # And who put it does not take it from the one who refers to it now
    blobs.release({DIGEST: until_ms})
    assert blobs.get(DIGEST, 1000) == DATA


def test_many_at_once(blobs: Blobs) -> None:
    absent = [f"{number:064x}" for number in range(2500)]
    blobs.put(DIGEST, DATA)

    assert blobs.renew([*absent[:1700], DIGEST, *absent[1700:]]) == absent


def test_uploads_at_the_same_moment_never_pass_the_limit(limited: Settings, redis_client: redis.Redis) -> None:
    refused = []

    def upload(number: int) -> None:
        with connect(limited, binary=True) as client:
            try:
                put(Blobs(client, limited), 300, fill=number)
            except BlobsFull:
                refused.append(number)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 5
    assert (
        used_bytes(redis_client) == 900 == sum(redis_client.strlen(key) for key in redis_client.keys("vedette:blob:*"))
    )


@pytest.mark.parametrize("lifetime", [timedelta(hours=1), timedelta(hours=3)])
def test_every_key_is_documented_and_has_a_lifetime(
    binary: redis.Redis, limited: Settings, redis_client: redis.Redis, lifetime: timedelta
) -> None:
    blobs = Blobs(binary, limited.model_copy(update={"blob_lifetime": lifetime}))
    put(blobs, 1)
    blobs.renew([put(blobs, 2), "0" * 64])

    there_are = sorted(redis_client.scan_iter())

    assert len(there_are) == 4
    longest_s = max(limited.registry_lifetime, lifetime).total_seconds()
    assert {key: redis_client.ttl(key) for key in there_are if not 0 < redis_client.ttl(key) <= longest_s} == {}
    assert [key for key in there_are if not any(pattern.fullmatch(key) for pattern in documented_patterns())] == []
    # The lists live as long as what they count
    assert all(redis_client.ttl(key) > lifetime.total_seconds() - 5 for key in there_are)


def test_nothing_is_left_when_all_is_forgotten_and_asked_for(binary: redis.Redis, limited: Settings) -> None:
    assert Blobs(binary, limited).renew(["0" * 64]) == ["0" * 64]
    assert binary.keys() == []


# The producer's side


@pytest.fixture
def client(limited: Settings, registry: Registry) -> Iterator[Client]:
    registry.publish_model(spec())
    registry.publish_advert(advert())
    with Client(settings=limited) as client:
        yield client


def test_an_upload_is_an_image_that_a_worker_reads(
    client: Client, blobs: Blobs, ledger: Ledger, tmp_path: Path, redis_client: redis.Redis
) -> None:
    (tmp_path / "a.jpg").write_bytes(DATA)
    by_path, by_bytes = client.upload(tmp_path / "a.jpg"), client.upload(DATA)
    assert by_path == by_bytes == client.upload(str(tmp_path / "a.jpg")) == f"blob:sha256:{DIGEST}"
    redis_client.pexpire(keys.blob(DIGEST), 60_000)

    job = client.submit([("a.jpg", by_path), by_bytes], "defects-small")

    (task,) = ledger.tasks(job.id)
    images = ledger.images_left(task)
    assert [(image.name, image.uri) for image in images] == [("a.jpg", by_path), (by_path, by_path)]
    assert read_image(images[0].uri, [], 1000, read_blob=blobs.get) == DATA
    assert redis_client.ttl(keys.blob(DIGEST)) > 60


def test_a_job_with_an_upload_that_is_not_there_is_not_begun(client: Client, redis_client: redis.Redis) -> None:
    absent = "blob:sha256:" + "0" * 64

    with pytest.raises(InvalidArgument, match=r"images\[1\]: blob:sha256:0+ is not among the uploads.*upload it again"):
        client.submit(["/a.jpg", absent], "defects-small")

    assert list(redis_client.scan_iter("vedette:job:*")) == []


@pytest.mark.parametrize("spelling", ["blob:sha256:123", "blob:sha256:" + "A" * 64, "blob:md5:" + "0" * 32, "blob:"])
def test_a_reference_that_is_none(client: Client, spelling: str) -> None:
    with pytest.raises(InvalidArgument, match=r"is refused \(spelling\): expected blob:sha256:"):
        client.submit([spelling], "defects-small")


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (b"", r"the bytes given: empty \(0 bytes\)"),
        (b"x" * 3072, "the bytes given: 3 KiB, the limit is 1 KiB"),
        (None, "image=None: expected the bytes of an image, or the path of its file"),
        ("nowhere.jpg", "nowhere.jpg: no such file here"),
        ("a\0.jpg", "cannot be read|no such file"),
        (Path("/"), "/: no such file here"),
    ],
)
def test_what_is_no_upload(limited: Settings, image: Any, told: str) -> None:
    with (
        Client(settings=limited.model_copy(update={"image_bytes_max": 1024})) as client,
        pytest.raises(InvalidArgument, match=told),
    ):
        client.upload(image)


def test_a_full_redis_is_told_to_the_one_who_uploads(client: Client) -> None:
    with pytest.raises(BlobsFull):
        client.upload(b"x" * 1001)


# The worker's side


def failure(uri: str, blobs: Blobs | None, bytes_max: int = 1000) -> Any:
    with pytest.raises(ImageError) as raised:
        read_image(uri, [], bytes_max, read_blob=blobs.get if blobs else None)
    return raised.value.failure


def test_what_a_worker_cannot_use_is_told(blobs: Blobs, redis_client: redis.Redis) -> None:
    uri = f"blob:sha256:{DIGEST}"
    missing = failure(uri, blobs)
    assert missing.code == failure(uri, None).code == "image_missing"
    assert "its lifetime is over (VEDETTE_BLOB_LIFETIME)" in missing.message

    blobs.put(DIGEST, DATA)
    assert failure(uri, blobs, bytes_max=255).code == "image_too_large"

    redis_client.setrange(keys.blob(DIGEST), 0, "other")
    assert failure(uri, blobs).code == "image_unreadable"


def test_nothing_else_of_redis_is_read_by_a_reference(blobs: Blobs, redis_client: redis.Redis) -> None:
    redis_client.set("vedette:blob:secret", "secret")

    assert failure("blob:sha256:../secret", blobs).code == "image_forbidden"
    assert failure("blob:secret", blobs).code == "image_forbidden"
