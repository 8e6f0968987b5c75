"""Who may ask, and how much; and a request that is sent twice."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from contract import keys
from contract.settings import Settings
from producer.gateway.api_keys import ApiKey, digest
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

BODY = {"images": ["/images/a.jpg", "/images/b.jpg"], "model": "defects-small"}
API_KEYS = (
    ApiKey(name="line-3", sha256=digest("vdt_line")),
    ApiKey(name="slow", sha256=digest("vdt_slow"), rate_per_minute=2),
    ApiKey(name="small", sha256=digest("vdt_small"), max_queued_images=3),
)


@pytest.fixture
def guarded(settings: Settings) -> Iterator[httpx.Client]:
    with running_gateway(settings, api_keys=API_KEYS) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.usefixtures("fleet")
def test_every_request_but_the_probes_needs_a_key(guarded: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert guarded.get(path).status_code == 200
    for headers in ({}, bearer("vdt_other"), {"Authorization": "Basic vdt_line"}):
        for path in ("/v1/models", "/v1/fleet", "/v1/jobs/job-1", "/nowhere"):
            answer = guarded.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"

    assert guarded.post("/v1/jobs", json=BODY, headers=bearer("vdt_line")).status_code == 201
    assert "vdt_" not in caplog.text.replace("vdt_…", "")


#: What a page may make a browser send without asking first.
SIMPLE: list[tuple[str, dict[str, Any]]] = [
    ("/v1/jobs", {"files": [("job", (None, b'{"model": "defects-small"}')), ("images", ("a.jpg", b"a"))]}),
    ("/v1/detect", {"content": b'{"image": "/a.jpg", "model": "defects-small"}'}),
    ("/v1/detect", {"files": [("image", ("a.jpg", b"a")), ("model", (None, b"defects-small"))]}),
    ("/v1/models/defects-small:predict", {"content": b'{"instances": [{"b64": "YQ=="}]}'}),
    ("/v2/models/defects-small/infer", {"content": b"{}"}),
]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    "browser", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}], ids=["now", "before"]
)
def test_a_page_of_another_site_cannot_ask_a_gateway_without_keys(
    http: httpx.Client, redis_client: redis.Redis, browser: dict[str, str]
) -> None:
    plain = {"Content-Type": "text/plain"}
    for path, body in SIMPLE:
        answer = http.post(path, headers={**browser, **({} if "files" in body else plain)}, **body)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), path
    assert http.delete("/v1/jobs/job-1", headers=browser).status_code == 403

    assert not redis_client.keys(keys.job("*"))
    assert not redis_client.keys(keys.blob("*"))
    assert http.get("/fleet", headers=browser).status_code == 200  # somebody followed a link


@pytest.mark.usefixtures("fleet")
def test_a_page_whose_name_has_come_to_mean_this_machine_cannot_ask_either(
    http: httpx.Client, guarded: httpx.Client
) -> None:
    rebound = {"Host": "evil.example:8080", "Sec-Fetch-Site": "same-origin"}

    answer = http.get("/v1/models", headers=rebound)

    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert "not as 'evil.example:8080'" in answer.json()["message"]
    assert http.post("/v1/jobs", json=BODY, headers=rebound).status_code == 403
    assert http.get("/v1/models", headers={"Host": "localhost:8080"}).status_code == 200
    # a key is proof enough
    assert guarded.get("/v1/models", headers={**rebound, **bearer("vdt_line")}).status_code == 200


@pytest.mark.usefixtures("fleet")
def test_with_insecure_it_is_asked_by_any_name(settings: Settings) -> None:
    with running_gateway(settings, any_host=True) as url:
        assert httpx.get(f"{url}/v1/models", headers={"Host": "vedette.example"}).status_code == 200


@pytest.mark.usefixtures("fleet")
def test_pages_of_the_gateway_and_whoever_has_a_key_may_ask(http: httpx.Client, guarded: httpx.Client) -> None:
    assert http.post("/v1/jobs", json=BODY, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 201
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert guarded.post("/v1/jobs", json=BODY, headers=foreign).status_code == 401
    assert guarded.post("/v1/jobs", json=BODY, headers={**foreign, **bearer("vdt_line")}).status_code == 201


@pytest.mark.usefixtures("fleet")
def test_a_body_without_a_key_is_not_read(guarded: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", guarded.base_url.port or 0), timeout=10) as raw:
        raw.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
        # Given that no byte of the body comes
        assert raw.recv(100).startswith(b"HTTP/1.1 401 ")
    assert guarded.post("/v1/jobs", content=b"no json").status_code == 401


@pytest.mark.usefixtures("fleet")
def test_a_key_that_asks_too_often_is_told_when_to_come_back(guarded: httpx.Client, redis_client: redis.Redis) -> None:
    answers = [guarded.get("/v1/models", headers=bearer("vdt_slow")) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 30
    assert guarded.get("/v1/models", headers=bearer("vdt_line")).status_code == 200, "another's rate is another's"

    # Given that time has passed
    redis_client.hincrby(keys.gateway_rate("slow"), "at_ms", -31_000)
    assert guarded.get("/v1/models", headers=bearer("vdt_slow")).status_code == 200


def test_a_key_that_has_too_much_waiting(guarded: httpx.Client, worker: PlayedWorker) -> None:
    worker.may_go_on.clear()
    headers = bearer("vdt_small")
    first = guarded.post("/v1/jobs", json=BODY, headers=headers)
    refused = guarded.post("/v1/jobs", json=BODY, headers=headers)

    assert first.status_code == 201
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_queued")
    assert "2 images without a result, and may have 3" in refused.json()["message"]
    assert guarded.post("/v1/jobs", json=BODY, headers=bearer("vdt_line")).status_code == 201

    worker.may_go_on.set()
    wait_until(lambda: guarded.post("/v1/jobs", json=BODY, headers=headers).status_code == 201, that="there is room")


# Idempotency-Key


def jobs_in(redis_client: redis.Redis) -> int:
    return len([key for key in redis_client.keys(keys.job("*")) if key.count(":") == 2])


def post(http: httpx.Client, key: str, body: Any = BODY, **headers: str) -> httpx.Response:
    return http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key, **headers})


@pytest.mark.usefixtures("worker")
def test_a_request_that_is_sent_again_gets_the_same_answer(http: httpx.Client, redis_client: redis.Redis) -> None:
    first = post(http, "order-66")
    http.get(f"/v1/jobs/{first.json()['id']}/results?follow=1")
    again = post(http, "order-66", dict(reversed([*BODY.items()])))

    assert again.status_code == first.status_code == 201
    assert (again.json(), again.headers["Location"]) == (first.json(), first.headers["Location"])
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert post(http, "order-67").json()["id"] != first.json()["id"]
    assert jobs_in(redis_client) == 2


@pytest.mark.usefixtures("fleet")
def test_a_key_that_was_used_for_another_request(http: httpx.Client) -> None:
    assert post(http, "order-66").status_code == 201
    other = post(http, "order-66", {**BODY, "min_score": 0.9})

    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_a_request_that_failed_may_be_tried_again(http: httpx.Client, request: pytest.FixtureRequest) -> None:
    assert post(http, "order-66").status_code == 404
    request.getfixturevalue("fleet")
    assert post(http, "order-66").status_code == 201


@pytest.mark.usefixtures("fleet")
def test_keys_of_two_callers_are_two_keys(guarded: httpx.Client) -> None:
    answers = [post(guarded, "order-66", **bearer(key)) for key in ("vdt_line", "vdt_slow")]

    assert len({answer.json()["id"] for answer in answers}) == 2


@pytest.mark.usefixtures("fleet")
def test_the_same_request_many_times_at_once_is_one_job(http: httpx.Client, redis_client: redis.Redis) -> None:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(post(http, "order-66"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert jobs_in(redis_client) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    pending = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json()["code"] for answer in pending} <= {"idempotency_pending"}
    assert post(http, "order-66").status_code == 201


@pytest.mark.usefixtures("worker")
def test_everything_that_the_gateway_leaves_has_a_lifetime(guarded: httpx.Client, redis_client: redis.Redis) -> None:
    for key in ("vdt_slow", "vdt_small"):
        post(guarded, "order-66", **bearer(key))

    ours = redis_client.keys("vedette:gateway:*")
    assert len(ours) == 4
    assert [key for key in ours if redis_client.ttl(key) < 0] == []
