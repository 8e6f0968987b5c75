"""Jobs whose images come as lines: of any number, as they come, whole or not at all."""

import json
import re
import socket
from collections.abc import Iterable, Iterator

import httpx
import pytest
import redis

from contract import keys
from contract.ledger import Ledger
from contract.settings import Settings
from producer.gateway.api_keys import ApiKey, digest
from producer.gateway.limits import Limits
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

LINES = {"Content-Type": "application/x-ndjson"}


def lines(*images: object, **options: object) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in ({"model": "defects-small", **options}, *images)).encode()


def paths(count: int, start: int = 0) -> list[str]:
    return [f"/images/{number}.jpg" for number in range(start, start + count)]


def post(http: httpx.Client, content: bytes | Iterable[bytes], **headers: str) -> httpx.Response:
    return http.post("/v1/jobs", content=content, headers={**LINES, **headers})


def jobs_in(redis_client: redis.Redis) -> list[str]:
    return [key.split(":")[2] for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]


def states(redis_client: redis.Redis) -> list[str]:
    return [redis_client.hget(keys.job(job), "state") for job in jobs_in(redis_client)]


@pytest.mark.usefixtures("fleet")
def test_a_job_as_lines(http: httpx.Client, worker: PlayedWorker) -> None:
    body = lines("/images/a.jpg", {"name": "gate-7", "uri": "/images/b.jpg"}, batch_size=4, min_score=0.25)

    answer = post(http, body)

    assert answer.status_code == 201, answer.text
    job = answer.json()["id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job}"
    assert (answer.json()["total"], answer.json()["sealed"]) == (2, True)
    told = http.get(f"/v1/jobs/{job}/results", params={"follow": True}).text.splitlines()
    assert {line["image"] for line in map(json.loads, told) if "image" in line} == {"/images/a.jpg", "gate-7"}
    assert {image.uri for image in worker.seen} == {"/images/a.jpg", "/images/b.jpg"}


def test_workers_begin_while_lines_come(http: httpx.Client, worker: PlayedWorker, redis_client: redis.Redis) -> None:
    def body() -> Iterator[bytes]:
        yield lines(*paths(100))
        wait_until(lambda: len(worker.seen) >= 64, that="whole tasks of the first hundred are done")
        [job] = jobs_in(redis_client)
        assert http.get(f"/v1/jobs/{job}").json()["sealed"] is False
        yield b'"/images/last.jpg"\n'

    answer = post(http, body())

    assert (answer.status_code, answer.json()["total"]) == (201, 101)


@pytest.mark.usefixtures("fleet")
def test_a_bad_line_is_named_and_nothing_of_the_job_is_left_to_do(
    http: httpx.Client, redis_client: redis.Redis, ledger: Ledger
) -> None:
    body = lines(*paths(40_121), "relative.jpg", *paths(20_000))
    assert len(body) < 2 << 20

    answer = post(http, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_argument")
    assert answer.json()["message"].startswith("line 40123: 'relative.jpg' is neither")
    [job] = jobs_in(redis_client)
    assert ledger.status(job).state == "cancelled"
    assert ledger.depths()["detect.any.512m"].tasks == 0
    assert "vedette_gateway_jobs_total 0.0" in http.get("/metrics").text


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 422, "line 1"),
        (lines(), 422, "images is empty"),
        (lines("a.jpg"), 422, "line 2"),
        (lines("blob:sha256:" + "0" * 64), 422, "images[0]: blob:sha256:"),
        (lines("/a.jpg", model="nobody"), 404, "defects-small@1"),
        (lines("/" + "a" * 70_000), 413, "line 2"),
    ],
)
def test_what_is_refused_leaves_no_job(
    http: httpx.Client, redis_client: redis.Redis, body: bytes, status: int, says: str
) -> None:
    answer = post(http, body)

    assert answer.status_code == status, answer.text
    assert says in answer.json()["message"]
    assert jobs_in(redis_client) == []


@pytest.mark.usefixtures("fleet")
def test_the_limits_of_other_bodies_are_not_for_lines(settings: Settings) -> None:
    limits = Limits(body_bytes=1000, images=10, large_bodies=1)
    with running_gateway(settings, limits=limits) as url, httpx.Client(base_url=url, timeout=20) as http:
        assert post(http, lines(*paths(500))).json()["total"] == 500


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_page_of_another_site_could_send_is_no_job(http: httpx.Client, kind: str) -> None:
    answer = http.post("/v1/jobs", content=b'{"images": ["/a.jpg"], "model": "m"}', headers={"Content-Type": kind})

    assert answer.status_code == 422
    assert "application/x-ndjson" in answer.json()["message"]


# Who is slow, gone, or one too many


def begun(url: str, redis_client: redis.Redis) -> socket.socket:
    """A submission of which a hundred images have come, and nothing more does."""
    there = len(jobs_in(redis_client))
    host, port = re.findall(r"//(.*):(\d+)", url)[0]
    raw = socket.create_connection((host, int(port)), timeout=20)
    raw.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n")
    body = lines(*paths(100))
    raw.sendall(b"Content-Length: 1000000\r\n\r\n" + body)
    wait_until(lambda: len(jobs_in(redis_client)) > there, that="the job is begun")
    return raw


@pytest.mark.usefixtures("fleet")
def test_who_says_nothing_for_long_is_given_up(settings: Settings, redis_client: redis.Redis) -> None:
    with running_gateway(settings, limits=Limits(pause_s=0.5)) as url, begun(url, redis_client) as raw:
        assert raw.recv(100).startswith(b"HTTP/1.1 408 ")
        assert states(redis_client) == ["cancelled"]


@pytest.mark.usefixtures("fleet")
def test_who_hangs_up_has_no_job(settings: Settings, redis_client: redis.Redis) -> None:
    with running_gateway(settings) as url, httpx.Client(base_url=url, timeout=20) as http:
        begun(url, redis_client).close()
        wait_until(lambda: states(redis_client) == ["cancelled"], that="the job is cancelled")
        assert post(http, lines("/a.jpg")).status_code == 201


@pytest.mark.usefixtures("fleet")
def test_a_gateway_that_is_stopped_leaves_no_half_job(settings: Settings, redis_client: redis.Redis) -> None:
    with running_gateway(settings) as url:
        raw = begun(url, redis_client)
    # Then it has ended although the body had not
    raw.close()
    assert states(redis_client) == ["cancelled"]


@pytest.mark.usefixtures("fleet")
def test_more_at_once_than_there_are_threads_are_told_to_come_back(
    settings: Settings, redis_client: redis.Redis
) -> None:
    limits = Limits(submissions=1)
    with (
        running_gateway(settings, limits=limits) as url,
        httpx.Client(base_url=url, timeout=20) as http,
        begun(url, redis_client) as raw,
    ):
        refused = post(http, lines("/a.jpg"))
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert http.post("/v1/jobs", json={"images": ["/a.jpg"], "model": "defects-small"}).status_code == 201
        raw.close()
        wait_until(lambda: post(http, lines("/a.jpg")).status_code == 201, that="there is a place again")


# Keys


def test_a_key_has_its_share_and_no_more(settings: Settings, worker: PlayedWorker, redis_client: redis.Redis) -> None:
    caller = ApiKey(name="small", sha256=digest("vdt_small"), max_queued_images=50)
    bearer = {"Authorization": "Bearer vdt_small"}
    worker.may_go_on.clear()
    with running_gateway(settings, api_keys=(caller,)) as url, httpx.Client(base_url=url, timeout=20) as http:
        assert post(http, lines(*paths(30)), **bearer).status_code == 201

        refused = post(http, lines(*paths(21)), **bearer)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_queued")
        assert "at its image 21" in refused.json()["message"]

        # Given a job that is larger than the share, of which no more than the share ever waits
        worker.may_go_on.set()
        wait_until(lambda: "open" not in states(redis_client), that="all is done")

        def body() -> Iterator[bytes]:
            yield lines()
            for start in range(0, 160, 32):
                yield "".join(json.dumps(path) + "\n" for path in paths(32, start)).encode()
                seen = 30 + start + 32
                wait_until(lambda seen=seen: len(worker.seen) >= seen, that=f"{seen} images are done")

        assert post(http, body(), **bearer).json()["total"] == 160


# Idempotency-Key


@pytest.mark.usefixtures("fleet")
def test_lines_that_are_sent_again_are_one_job(http: httpx.Client, redis_client: redis.Redis) -> None:
    key = {"Idempotency-Key": "order-66"}
    first = post(http, lines(*paths(100)), **key)
    spaced = lines(*paths(100)).replace(b": ", b" :  ").replace(b"\n", b"\r\n\n")
    again = post(http, spaced, **key)
    other = post(http, lines(*paths(101)), **key)
    json_too = http.post("/v1/jobs", json={"images": paths(100), "model": "defects-small"}, headers=key)

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [answer.json()["code"] for answer in (other, json_too)] == ["idempotency_conflict"] * 2
    assert len(jobs_in(redis_client)) == 1


@pytest.mark.usefixtures("fleet")
def test_lines_that_failed_may_be_sent_again(http: httpx.Client) -> None:
    key = {"Idempotency-Key": "order-66"}
    assert post(http, lines(*paths(100), "bad.jpg"), **key).status_code == 422
    assert post(http, lines(*paths(100)), **key).status_code == 201


@pytest.mark.usefixtures("fleet")
def test_lines_that_still_come_are_pending(settings: Settings, redis_client: redis.Redis) -> None:
    key = {"Idempotency-Key": "order-66"}
    with running_gateway(settings) as url, httpx.Client(base_url=url, timeout=20) as http:

        def body() -> Iterator[bytes]:
            yield lines(*paths(100))
            wait_until(lambda: jobs_in(redis_client), that="the job is begun")
            pending = post(http, lines(*paths(100)), **key)
            assert (pending.status_code, pending.json()["code"]) == (409, "idempotency_pending")

        with httpx.Client(base_url=url, timeout=20) as slow:
            assert post(slow, body(), **key).status_code == 201
