"""The end of a job, told by real gateways to real receivers; the standard's own library says whether it is genuine."""

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis
from standardwebhooks import Webhook

from contract import keys
from contract.ledger import Ledger
from contract.settings import Settings
from producer import Client
from producer.webhooks.deliverer import Timing
from producer.webhooks.secrets_file import HostSecrets
from tests.support.gateway import running_gateway
from tests.support.redis_server import free_port
from tests.support.wait import wait_until
from tests.support.web import Answer, Web, to, web

pytestmark = pytest.mark.integration

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
SECRETS = (HostSecrets(secrets=(SECRET, OLD_SECRET)),)
#: So that a test which waits for an attempt takes moments.
QUICK = Timing(poll_s=0.05, answer_s=1.0, lease=timedelta(seconds=3), first_pause=timedelta(seconds=0.2), grace_s=0.1)


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web({"/in": Answer(b"thanks")}) as served:
        yield served


def allowing(settings: Settings, *ports: int, **more: Any) -> Settings:
    hosts = tuple(f"127.0.0.1:{port}" for port in ports)
    return settings.model_copy(update={"webhook_hosts": hosts, "webhook_private": ("127.0.0.1/32",), **more})


def gateway(settings: Settings, **options: Any) -> Any:
    return running_gateway(settings, webhook_secrets=SECRETS, timing=QUICK, **options)


def submit(url: str, port: int, path: str = "/in", images: int = 1) -> str:
    asked = {
        "images": [f"/in/{number}.jpg" for number in range(images)],
        "model": "defects-small",
        "allow_waiting": True,  # the advert of the played worker ends after some seconds
        "webhook": {"url": f"http://127.0.0.1:{port}{path}"},
    }
    return str(httpx.post(f"{url}/v1/jobs", json=asked, timeout=20).raise_for_status().json()["id"])


def webhook_of(url: str, job: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/v1/jobs/{job}", timeout=20).raise_for_status().json()["webhook"]
    return found


def until(url: str, job: str, state: str, timeout_s: float = 15) -> dict[str, Any]:
    return wait_until(
        lambda: (found := webhook_of(url, job))["state"] == state and found, timeout_s, that=f"the webhook is {state}"
    )


@pytest.mark.usefixtures("worker")
def test_a_receiver_is_told_once_and_can_verify_it(settings: Settings, receiver: Web) -> None:
    allowed = allowing(settings, receiver.port)
    with gateway(allowed) as url:
        job = submit(url, receiver.port, "/in", images=3)
        told = until(url, job, "delivered")

        assert told == {
            "url": f"http://127.0.0.1:{receiver.port}/in",
            "state": "delivered",
            "attempts": 1,
            "last_error": None,
        }
        assert 'vedette_gateway_webhooks_total{outcome="delivered"} 1.0' in httpx.get(f"{url}/metrics").text

    ((_, headers),), (body,) = receiver.requests, receiver.bodies
    for secret in (SECRET, OLD_SECRET):
        event = Webhook(secret).verify(body, headers)
    assert event["type"] == "job.completed"
    assert event["data"].items() >= {"job": job, "state": "done", "total": 3, "succeeded": 3, "failed": 0}.items()
    assert event["data"]["links"] == {"job": f"/v1/jobs/{job}", "results": f"/v1/jobs/{job}/results"}
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"].startswith(job)


@pytest.mark.usefixtures("worker")
def test_a_receiver_that_fails_twice_is_told_again_under_the_same_id(settings: Settings, receiver: Web) -> None:
    receiver.first = [Answer(status=500), Answer(status=429, headers={"Retry-After": "1"})]
    with gateway(allowing(settings, receiver.port)) as url:
        began_s = time.monotonic()
        job = submit(url, receiver.port)
        told = until(url, job, "delivered")

    assert (told["attempts"], told["last_error"]) == (3, "HTTP 429")
    assert time.monotonic() - began_s > 1, "Retry-After was heeded"
    assert len({headers["webhook-id"] for _, headers in receiver.requests}) == 1
    assert len(set(receiver.bodies)) == 1
    for body, (_, headers) in zip(receiver.bodies, receiver.requests, strict=True):
        assert Webhook(SECRET).verify(body, headers)


@pytest.mark.usefixtures("worker")
def test_one_who_wants_no_more_is_told_no_more(settings: Settings, receiver: Web) -> None:
    receiver.first = [Answer(status=410)]
    with gateway(allowing(settings, receiver.port)) as url:
        told = until(url, submit(url, receiver.port), "given_up")

    assert told["last_error"] == "HTTP 410: the receiver wants no more"
    assert len(receiver.requests) == 1


@pytest.mark.usefixtures("worker")
def test_patience_ends(settings: Settings, receiver: Web) -> None:
    allowed = allowing(settings, receiver.port, webhook_patience=timedelta(seconds=1))
    with gateway(allowed) as url:
        told = until(url, submit(url, receiver.port, "/nowhere"), "given_up")

    assert told["last_error"].startswith("HTTP 404; given up after ")
    assert told["attempts"] == len(receiver.requests) > 1


@pytest.mark.usefixtures("worker")
def test_redirects_are_not_followed(settings: Settings, receiver: Web) -> None:
    with web({"/in": Answer()}) as inside:
        receiver.first = [to(f"http://127.0.0.1:{inside.port}/in", 307)]
        with gateway(allowing(settings, receiver.port, inside.port)) as url:
            told = until(url, submit(url, receiver.port), "delivered")

        assert (told["attempts"], inside.requests) == (2, [])


@pytest.mark.usefixtures("worker")
def test_a_slow_receiver_keeps_no_other_waiting(settings: Settings, receiver: Web) -> None:
    # Given a receiver that takes connections and says nothing
    with socket.create_server(("127.0.0.1", 0), backlog=100) as mute:
        port = mute.getsockname()[1]
        with gateway(allowing(settings, receiver.port, port)) as url:
            slow = [submit(url, port) for _ in range(5)]

            until(url, submit(url, receiver.port), "delivered", 5)

            told = wait_until(lambda: (found := webhook_of(url, slow[0]))["last_error"] and found, that="it was told")
            assert (told["state"], told["last_error"]) == ("due", "no answer in 1 s")


@pytest.mark.usefixtures("worker")
def test_a_receiver_that_dies_is_told_when_it_is_back(settings: Settings) -> None:
    port = free_port()
    with gateway(allowing(settings, port)) as url:
        job = submit(url, port)
        wait_until(lambda: webhook_of(url, job)["last_error"] == "its host refuses connections", that="it was tried")
        with web({"/in": Answer()}, port=port) as back:
            until(url, job, "delivered")
            assert len(back.requests) == 1


@pytest.mark.usefixtures("worker")
def test_two_gateways_tell_it_once(settings: Settings, receiver: Web) -> None:
    allowed = allowing(settings, receiver.port)
    with gateway(allowed) as one, gateway(allowed) as other:
        jobs = [submit(url, receiver.port) for url in (one, other) for _ in range(15)]
        for job in jobs:
            until(one, job, "delivered")

    assert len(receiver.requests) == len(jobs)
    assert len({headers["webhook-id"] for _, headers in receiver.requests}) == len(jobs)


@pytest.mark.usefixtures("worker")
def test_what_a_gateway_was_at_when_it_died_another_one_tells(
    settings: Settings, receiver: Web, ledger: Ledger
) -> None:
    allowed = allowing(settings, receiver.port)
    with Client(settings=allowed) as client:
        job = client.submit(["/in/a.jpg"], "defects-small", webhook=f"http://127.0.0.1:{receiver.port}/in")
        job.wait(timeout=10)
    (dying,) = ledger.take_notices(10, timedelta(seconds=0.5))

    with gateway(allowed) as url:
        told = until(url, job.id, "delivered")

    assert told["attempts"] == 2
    assert receiver.requests[0][1]["webhook-id"] == dying.id


@pytest.mark.usefixtures("worker")
def test_a_job_from_python_waits_for_a_gateway_and_says_so(settings: Settings, receiver: Web) -> None:
    allowed = allowing(settings, receiver.port)
    with Client(settings=allowed) as client:
        job = client.submit(["/in/a.jpg"], "defects-small", webhook=f"http://127.0.0.1:{receiver.port}/in?token=x")
        job.wait(timeout=10)
        told = job.status().webhook
        assert told is not None
        assert (told.state, told.url) == ("unattended", f"http://127.0.0.1:{receiver.port}/in")

        with gateway(allowed) as url:
            wait_until(lambda: receiver.paths, that="it is told")
            assert webhook_of(url, job.id)["state"] in ("due", "delivered")

    assert receiver.paths[0] == "/in?token=x"


@pytest.mark.usefixtures("fleet")
def test_a_job_that_is_cancelled_is_told_too(settings: Settings, receiver: Web) -> None:
    with gateway(allowing(settings, receiver.port)) as url:
        job = submit(url, receiver.port)
        assert webhook_of(url, job)["state"] == "waiting"
        httpx.delete(f"{url}/v1/jobs/{job}").raise_for_status()
        until(url, job, "delivered")

    assert Webhook(SECRET).verify(receiver.bodies[0], receiver.requests[0][1])["type"] == "job.cancelled"


@pytest.mark.usefixtures("worker")
def test_an_end_that_an_older_worker_left_unmarked_is_told(
    settings: Settings, receiver: Web, redis_client: redis.Redis
) -> None:
    allowed = allowing(settings, receiver.port)
    with Client(settings=allowed) as client:
        job = client.submit(["/in/a.jpg"], "defects-small", webhook=f"http://127.0.0.1:{receiver.port}/in")
        job.wait(timeout=10)
    # Given what its Lua leaves: a job that has ended, and is to be looked at in half a minute, which is over
    redis_client.zadd(keys.WEBHOOKS, {job.id: 1})

    with gateway(allowed) as url:
        until(url, job.id, "delivered")


@pytest.mark.usefixtures("worker")
def test_a_redis_that_goes_away_meanwhile_costs_time_only(
    settings: Settings, receiver: Web, redis_client: redis.Redis
) -> None:
    allowed = allowing(settings, receiver.port)
    with gateway(allowed) as url:
        redis_client.client_kill_filter(_type="normal", skipme=True)
        job = submit(url, receiver.port)
        until(url, job, "delivered")


# What is refused


@pytest.mark.usefixtures("fleet")
def test_an_address_that_is_not_allowed_is_refused_and_nothing_is_submitted(
    settings: Settings, receiver: Web, redis_client: redis.Redis
) -> None:
    with gateway(allowing(settings, receiver.port)) as url:
        asked = {"images": ["/in/a.jpg"], "model": "defects-small", "webhook": {"url": "http://169.254.169.254/a?b"}}
        answer = httpx.post(f"{url}/v1/jobs", json=asked)
        misspelled = httpx.post(f"{url}/v1/jobs", json={**asked, "webhook": {"uri": "http://a"}})
        bare = httpx.post(f"{url}/v1/jobs", json={**asked, "webhook": "http://a"})

    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_refused")
    assert answer.json()["message"] == (
        "webhook 'http://169.254.169.254/a' is refused (host): 169.254.169.254 is not among the hosts allowed "
        "(VEDETTE_WEBHOOK_HOSTS, of producers, workers and gateways)"
    )
    for wrong in (misspelled, bare):
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_argument")
    assert redis_client.keys("vedette:job:*") == []


@pytest.mark.usefixtures("worker")
def test_a_gateway_judges_again_what_others_let_through(settings: Settings, receiver: Web) -> None:
    with Client(settings=allowing(settings, receiver.port)) as client:
        job = client.submit(["/in/a.jpg"], "defects-small", webhook=f"http://127.0.0.1:{receiver.port}/in")

    with gateway(settings) as url:
        told = wait_until(lambda: (found := webhook_of(url, job.id))["last_error"] and found, that="it was looked at")

    assert "is refused (host)" in told["last_error"]
    assert receiver.requests == []


@pytest.mark.usefixtures("worker")
def test_nothing_is_sent_unsigned(settings: Settings, receiver: Web) -> None:
    others = (HostSecrets(host="hooks.example.org", secrets=(SECRET,)),)
    with running_gateway(allowing(settings, receiver.port), webhook_secrets=others, timing=QUICK) as url:
        job = submit(url, receiver.port)
        told = wait_until(lambda: (found := webhook_of(url, job))["last_error"] and found, that="it was looked at")

    assert told["last_error"] == f"VEDETTE_WEBHOOK_SECRETS_FILE has no entry for 127.0.0.1:{receiver.port}"
    assert receiver.requests == []


@pytest.mark.usefixtures("worker")
def test_the_secret_is_nowhere_but_in_the_file(
    settings: Settings, receiver: Web, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.first = [Answer(status=500), Answer(status=410)]
    with gateway(allowing(settings, receiver.port)) as url, caplog.at_level("DEBUG"):
        until(url, submit(url, receiver.port, "/in?token=hidden"), "given_up")

    (record,) = [record for record in caplog.records if record.name == "producer.webhooks.deliverer"]
    assert "HTTP 410" in record.message
    assert "hidden" not in record.message
    assert SECRET not in caplog.text
    read = {
        "string": redis_client.get,
        "hash": redis_client.hgetall,
        "list": lambda key: redis_client.lrange(key, 0, -1),
        "zset": lambda key: redis_client.zrange(key, 0, -1),
    }
    kept = [str(read[redis_client.type(key)](key)) for key in redis_client.keys("*")]
    assert any("HTTP 410" in value for value in kept)
    assert [value for value in kept if SECRET[6:] in value] == []


@pytest.mark.usefixtures("worker")
def test_no_key_is_left_without_a_lifetime(settings: Settings, receiver: Web, redis_client: redis.Redis) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(gateway(allowing(settings, receiver.port)))
        until(url, submit(url, receiver.port), "delivered")

        assert [key for key in redis_client.keys("vedette:*") if redis_client.pttl(key) < 0] == []
