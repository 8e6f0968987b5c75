"""One image in, detections out: in time, or with the reason why not."""

import base64
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis

from contract import keys
from contract.ledger import Claim, Ledger, Recording
from contract.messages import ImageResult
from contract.registry import Registry
from contract.settings import Settings
from producer import Client
from tests.support.builders import advert, image_refs, options, spec
from tests.support.gateway import QUEUE, PlayedWorker, result_of, running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

BODY = {"image": "/images/a.jpg", "model": "defects-small"}


def states(redis_client: redis.Redis) -> Counter[str]:
    jobs = [key for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]
    return Counter(redis_client.hget(key, "state") for key in jobs)


def test_an_image_by_its_reference(http: httpx.Client, worker: PlayedWorker) -> None:
    answer = http.post(
        "/v1/detect", json={**BODY, "image": {"name": "gate-7", "uri": "/images/a.jpg"}, "min_score": 0.3}
    )

    assert answer.status_code == 200, answer.text
    result = ImageResult.model_validate(answer.json())
    assert (result.image, [found.label for found in result.detections or ()]) == ("gate-7", ["scratch"])
    assert [image.uri for image in worker.seen] == ["/images/a.jpg"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("code", "status"), [("image_missing", 422), ("memory", 502)])
def test_an_image_that_failed_is_an_error_with_its_code(http: httpx.Client, code: str, status: int) -> None:
    answer = http.post("/v1/detect", json={**BODY, "image": f"/images/{code}.jpg"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.usefixtures("fleet")
def test_images_of_several_callers_may_share_a_batch(http: httpx.Client, ledger: Ledger) -> None:
    with ThreadPoolExecutor(3) as callers:
        answers = [callers.submit(http.post, "/v1/detect", json=BODY) for _ in range(3)]
        wait_until(lambda: len(ledger.jobs_at("defects-small@1")) == 3, that="all three wait")
        [task, *_others] = [task for job in ledger.jobs_at("defects-small@1") for task in ledger.tasks(job)]
        record = ledger.task(task)
        assert record is not None
        first = ledger.claim(record.job, task, "small@yard")
        assert isinstance(first, Claim)

        claims = [first, *ledger.claim_together(first, "small@yard")]
        ledger.record_all([Recording(claim, [(0, result_of(claim.images[0]))]) for claim in claims])

        assert [answer.result().status_code for answer in answers] == [200] * 3
    assert len(claims) == 3


@pytest.mark.usefixtures("fleet")
def test_a_deadline_that_passes_gives_the_image_up(http: httpx.Client, redis_client: redis.Redis) -> None:
    began = time.monotonic()
    answer = http.post("/v1/detect", params={"deadline_s": 1}, json=BODY)

    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_passed")
    assert 0.9 < time.monotonic() - began < 5
    assert states(redis_client) == {"cancelled": 1}


@pytest.mark.usefixtures("fleet")
def test_a_caller_who_hangs_up_gives_the_image_up(http: httpx.Client, redis_client: redis.Redis) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/detect", params={"deadline_s": 60}, json=BODY, timeout=0.5)

    wait_until(lambda: states(redis_client) == {"cancelled": 1}, that="the job is cancelled")


def test_more_is_queued_than_can_be_done_by_then(
    http: httpx.Client, registry: Registry, ledger: Ledger, redis_client: redis.Redis
) -> None:
    registry.publish_model(spec(throughput={"default_batch": 8, "images_per_s": {"8": 2.0}}))
    registry.publish_advert(advert(slots=2))
    ledger.create_job("job-1", options(), QUEUE)
    for number in range(3):
        ledger.add_task("job-1", f"task-{number}", QUEUE, 8, image_refs(20, start=20 * number))
        ledger.rung(f"task-{number}", QUEUE)

    answer = http.post("/v1/detect", params={"deadline_s": 5}, json=BODY)

    # 60 images, 2 slots, half a second each, and its own: 15.5 s
    assert (answer.status_code, answer.json()["code"]) == (429, "queue_too_long")
    assert int(answer.headers["Retry-After"]) == 11
    assert states(redis_client) == {"open": 1}, "nothing was submitted"


def test_no_worker_can_run_it(http: httpx.Client, registry: Registry) -> None:
    registry.publish_model(spec(base="3g"))
    registry.publish_advert(advert(memory="1g"))

    answer = http.post("/v1/detect", json=BODY)

    assert (answer.status_code, answer.json()["code"]) == (503, "no_capable_worker")
    assert "lacks 4 GiB of memory per slot" in answer.json()["message"]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("{", "JSON"),
        ("[]", "body"),
        ('{"image": "/a.jpg"}', "model"),
        ('{"image": "a.jpg", "model": "defects-small"}', "images[0]: 'a.jpg'"),
        ('{"image": "/a.jpg", "model": "defects-small", "min_skore": 1}', "min_skore"),
        ('{"image": "\\ud800", "model": "defects-small"}', ""),
    ],
)
def test_a_request_that_cannot_be_meant(http: httpx.Client, body: str, names: str) -> None:
    answer = http.post("/v1/detect", content=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_argument")
    assert names in answer.json()["message"]


@pytest.mark.usefixtures("worker")
def test_many_clients_at_once_are_all_answered(http: httpx.Client) -> None:
    answers: list[int] = []
    with httpx.Client(base_url=http.base_url, timeout=30, limits=httpx.Limits(max_connections=100)) as many:
        threads = [
            threading.Thread(target=lambda: answers.append(many.post("/v1/detect", json=BODY).status_code))
            for _ in range(60)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == [200] * 60


def test_a_fleet_that_is_slower_than_its_profile_is_seen_as_such(
    settings: Settings, redis_client: redis.Redis, http: httpx.Client
) -> None:
    # Given a profile of 1000 images/s, a worker that holds what it has, and clients that have time
    registry = Registry(redis_client, settings.model_copy(update={"advert_lifetime": timedelta(minutes=5)}))
    registry.publish_model(spec(throughput={"default_batch": 1, "images_per_s": {"1": 1000.0}}))
    registry.publish_advert(advert(queues=[QUEUE]))
    patient: list[int] = []

    def wait() -> None:
        patient.append(
            httpx.post(f"{http.base_url}/v1/detect", params={"deadline_s": 60}, json=BODY, timeout=90).status_code
        )

    def hurry() -> int:
        return http.post("/v1/detect", params={"deadline_s": 1}, json=BODY).status_code

    with PlayedWorker(settings) as worker:
        worker.may_go_on.clear()
        threads = [threading.Thread(target=wait) for _ in range(8)]
        for thread in threads:
            thread.start()
        # When the gateway has seen it for a while, one who has no time is told at once
        seen: list[int] = []
        wait_until(lambda: seen.append(hurry()) or 429 in seen, 30, that="somebody is told that the queue is too long")
        assert set(seen[:-1]) <= {504}
        # And when it goes on, all is as before
        worker.may_go_on.set()
        for thread in threads:
            thread.join()
        assert patient == [200] * 8
        assert hurry() == 200


# Uploads


@pytest.fixture
def stored(settings: Settings) -> Iterator[tuple[httpx.Client, dict[str, bytes]]]:
    """A gateway with a place for uploads, and what was put there."""
    kept: dict[str, bytes] = {}

    def store(content: bytes) -> str:
        kept[uri := f"/uploads/{len(kept)}"] = content
        return uri

    with running_gateway(settings, store=store) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client, kept


PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff picture"


@pytest.mark.parametrize(
    ("request_of", "name"),
    [
        (
            {
                "content": PICTURE,
                "headers": {"Content-Type": "image/png"},
                "params": {"model": "defects-small", "min_score": "0.3", "allow_degraded": "true"},
            },
            "upload",
        ),
        (
            {"files": {"image": ("a.png", PICTURE)}, "data": {"model": "defects-small", "min_score": "0.3"}},
            "a.png",
        ),
    ],
)
def test_an_image_itself(
    stored: tuple[httpx.Client, dict[str, bytes]], worker: PlayedWorker, request_of: dict[str, Any], name: str
) -> None:
    http, kept = stored
    answer = http.post("/v1/detect", **request_of)

    assert answer.status_code == 200, answer.text
    assert answer.json()["image"] == name
    assert kept == {worker.seen[0].uri: PICTURE}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("request_of", "names"),
    [
        ({"content": b"", "headers": {"Content-Type": "image/png"}, "params": {"model": "defects-small"}}, "0 bytes"),
        ({"content": PICTURE, "headers": {"Content-Type": "image/png"}}, "model"),
        ({"files": {"picture": ("a.png", PICTURE)}, "data": {"model": "defects-small"}}, "image"),
        (
            {"files": {"image": ("a.png", PICTURE)}, "data": {"model": "defects-small", "min_score": "much"}},
            "min_score",
        ),
        ({"content": b"--", "headers": {"Content-Type": "multipart/form-data"}}, ""),
    ],
)
def test_an_upload_that_cannot_be_meant(
    stored: tuple[httpx.Client, dict[str, bytes]], request_of: dict[str, Any], names: str
) -> None:
    http, kept = stored
    answer = http.post("/v1/detect", **request_of)

    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("invalid_argument", "request_malformed")
    assert names in answer.json()["message"]
    assert not kept


@pytest.mark.usefixtures("worker")
def test_what_somebody_waits_for_does_not_take_the_room_of_others_for_a_day(
    http: httpx.Client, settings: Settings, redis_client: redis.Redis
) -> None:
    # Given an image that a job may need for longer, and another one
    with Client(settings=settings) as client:
        lasting = client.upload(b"lasting").rpartition(":")[2]
    picture, headers = b"picture", {"Content-Type": "image/png"}
    digest = hashlib.sha256(picture).hexdigest()

    for content in (picture, b"lasting"):
        http.post("/v1/detect?model=defects-small", content=content, headers=headers).raise_for_status()
    theirs = {"instances": [{"b64": base64.b64encode(picture).decode()}]}
    http.post("/v1/models/defects-small:predict", json=theirs).raise_for_status()

    assert 300 < redis_client.ttl(keys.blob(digest)) <= 600
    assert redis_client.ttl(keys.blob(lasting)) > 3600


@pytest.mark.usefixtures("fleet")
def test_without_a_place_for_uploads_they_are_refused_as_such(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Client, "upload", raising=False)
    with running_gateway(settings) as url, httpx.Client(base_url=url) as http:
        answer = http.post("/v1/detect?model=defects-small", content=PICTURE, headers={"Content-Type": "image/png"})

    assert (answer.status_code, answer.json()["code"]) == (501, "uploads_off")
