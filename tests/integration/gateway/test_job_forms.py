"""Jobs whose images are sent, as a form: kept for the workers one by one, whole or not at all."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from contract import keys
from contract.registry import Registry
from contract.settings import Settings
from producer.gateway.api_keys import ApiKey, digest
from tests.support.builders import spec
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.gateway_process import gateway_process

pytestmark = pytest.mark.integration

KIB = 1024
File = tuple[str, tuple[str | None, bytes, str]]


def job(**options: Any) -> File:
    return ("job", (None, json.dumps({"model": "defects-small", **options}).encode(), "application/json"))


def image(name: str, content: bytes) -> File:
    return ("images", (name, content, "image/jpeg"))


def post(http: httpx.Client, *files: File, **headers: str) -> httpx.Response:
    return http.post("/v1/jobs", files=files, headers=headers)


def jobs_in(redis_client: redis.Redis) -> list[str]:
    return [key.split(":")[2] for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]


def used_bytes(redis_client: redis.Redis) -> int:
    return int(redis_client.hget(keys.BLOB_BYTES, "all") or 0)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Room for few uploads; a worker that is played refreshes no advert."""
    return settings.model_copy(update={"blob_bytes": 300 * KIB, "advert_lifetime": timedelta(minutes=10)})


@pytest.mark.usefixtures("fleet")
def test_files_of_a_form_are_images_under_their_names(
    http: httpx.Client, worker: PlayedWorker, redis_client: redis.Redis
) -> None:
    files = {"a.jpg": b"\xff\xd8 a", "b/é.jpg": b"\xff\xd8 b" * 30_000, "again.jpg": b"\xff\xd8 a"}

    answer = post(http, job(min_score=0.25), *(image(*file) for file in files.items()))

    assert answer.status_code == 201, answer.text
    assert answer.json()["total"] == 3
    told = http.get(f"{answer.headers['Location']}/results", params={"follow": True}).text.splitlines()
    assert {line["image"] for line in map(json.loads, told) if "image" in line} == set(files)
    assert {(image.name, image.uri) for image in worker.seen} == {
        (name, f"blob:sha256:{hashlib.sha256(content).hexdigest()}") for name, content in files.items()
    }
    # Then each is there once, for a while
    digests = {hashlib.sha256(content).hexdigest() for content in files.values()}
    assert {key.decode() if isinstance(key, bytes) else key for key in redis_client.hkeys(keys.BLOB_BYTES)} == {
        "all",
        *digests,
    }
    assert all(redis_client.ttl(keys.blob(digest)) > 0 for digest in digests)


@pytest.mark.usefixtures("fleet")
def test_the_options_may_come_last(http: httpx.Client) -> None:
    assert post(http, image("a.jpg", b"a"), job()).json()["total"] == 1


@pytest.mark.usefixtures("fleet")
def test_a_form_for_which_there_is_no_room_leaves_nothing_but_what_was_there(
    http: httpx.Client, redis_client: redis.Redis
) -> None:
    assert post(http, job(), image("first.jpg", b"1" * 100 * KIB)).status_code == 201

    refused = post(http, job(), *(image(f"{number}.jpg", f"{number}".encode() * 90 * KIB) for number in range(1, 5)))

    assert (refused.status_code, refused.json()["code"]) == (503, "blobs_full")
    assert int(refused.headers["Retry-After"]) > 0
    assert "VEDETTE_BLOB_BYTES" in refused.json()["message"]
    assert used_bytes(redis_client) == 100 * KIB
    assert redis_client.zcard(keys.BLOBS) == 1
    assert len(jobs_in(redis_client)) == 1


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("files", "status", "says"),
    [
        ([job(), image("a.jpg", b"a"), image("b.jpg", b"")], 422, "images[1]: 'b.jpg': 0 bytes"),
        ([job(), *[image("a.jpg", b"a")] * 3, image("b.jpg", b"")], 422, "images[3]: 'b.jpg': 0 bytes"),
        ([job()], 422, "images is empty"),
        ([image("a.jpg", b"a")], 422, "job: expected a part"),
        ([image("a.jpg", b"a"), job(model="nobody")], 404, "defects-small@1"),
        ([job(min_score=2), image("a.jpg", b"a")], 422, "job: min_score"),
    ],
)
def test_what_is_refused_leaves_neither_job_nor_upload(
    http: httpx.Client, redis_client: redis.Redis, files: list[File], status: int, says: str
) -> None:
    answer = post(http, *files)

    assert answer.status_code == status, answer.text
    assert says in answer.json()["message"]
    assert (jobs_in(redis_client), used_bytes(redis_client)) == ([], 0)


def test_a_model_that_nobody_can_run_is_told_before_the_files(
    http: httpx.Client, registry: Registry, redis_client: redis.Redis
) -> None:
    registry.publish_model(spec())

    answer = post(http, job(), image("a.jpg", b"a"))

    assert (answer.status_code, answer.json()["code"]) == (503, "no_capable_worker")
    assert not redis_client.exists(keys.BLOBS)
    assert post(http, job(allow_waiting=True), image("a.jpg", b"a")).status_code == 201


@pytest.mark.usefixtures("fleet")
def test_a_broken_form_is_told(http: httpx.Client, redis_client: redis.Redis) -> None:
    broken = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\nabc\r\n--x\r\n'
    answer = http.post("/v1/jobs", content=broken, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed")
    assert used_bytes(redis_client) == 0


@pytest.mark.usefixtures("fleet")
def test_a_key_has_its_share_and_no_more(settings: Settings, redis_client: redis.Redis) -> None:
    caller = ApiKey(name="small", sha256=digest("vdt_small"), max_queued_images=3)
    bearer = {"Authorization": "Bearer vdt_small"}
    images = [image(f"{number}.jpg", f"{number}".encode()) for number in range(4)]
    with running_gateway(settings, api_keys=(caller,)) as url, httpx.Client(base_url=url, timeout=20) as http:
        assert post(http, job(), *images[:2], **bearer).status_code == 201
        refused = post(http, job(), *images[2:], **bearer)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_queued")
    assert "at its image 2" in refused.json()["message"]
    assert used_bytes(redis_client) == 2


@pytest.mark.usefixtures("fleet")
def test_a_form_that_is_sent_again_is_one_job(http: httpx.Client, redis_client: redis.Redis) -> None:
    key, files = {"Idempotency-Key": "order-66"}, [job(), image("a.jpg", b"a"), image("b.jpg", b"b")]
    first, again, other = (post(http, *these, **key) for these in (files, files, [*files, image("c.jpg", b"c")]))

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert (len(jobs_in(redis_client)), used_bytes(redis_client)) == (1, 2)


@pytest.mark.usefixtures("fleet")
def test_the_body_is_never_whole_in_memory(settings: Settings, tmp_path: Path) -> None:
    count, each_bytes = 200, 1 << 20

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n{"model": "defects-small"}\r\n'
        for number in range(count):
            yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="%d.jpg"\r\n\r\n' % number
            yield number.to_bytes(2, "big") * (each_bytes // 2) + b"\r\n"
        yield b"--x--\r\n"

    form = {"Content-Type": "multipart/form-data; boundary=x"}
    with (
        gateway_process(settings, tmp_path / "log", VEDETTE_BLOB_BYTES="1g") as gateway,
        httpx.Client(base_url=gateway.url, timeout=120) as http,
    ):
        post(http, job(), image("a.jpg", b"a")).raise_for_status()  # what is made once
        before_bytes = gateway.memory_bytes("VmRSS")
        answer = http.post("/v1/jobs", content=body(), headers=form)
        grown_bytes = gateway.memory_bytes("VmHWM") - before_bytes

    assert (answer.status_code, answer.json()["total"]) == (201, count)
    assert grown_bytes < 32 << 20, "the body has 200 MiB"
