"""What is noted of an Idempotency-Key while a body comes that takes its time."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from contract import keys
from contract.settings import Settings
from producer.gateway import idempotency
from tests.support.gateway import running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

KEY = {"Idempotency-Key": "order-66"}
PLACE = keys.gateway_idempotency(hashlib.sha256(b"\0order-66").hexdigest())
LINES = {"Content-Type": "application/x-ndjson"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
OPTIONS = b'{"model": "defects-small"}\n'


@pytest.fixture
def url(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway that gives a sign of life with every piece that comes."""
    monkeypatch.setattr(idempotency, "_SIGN_OF_LIFE_S", -1.0)
    with running_gateway(settings) as url:
        yield url


def post(url: str, content: Any, headers: dict[str, str]) -> httpx.Response:
    with httpx.Client(base_url=url, timeout=20) as http:
        return http.post("/v1/jobs", content=content, headers={**headers, **KEY})


def states(redis_client: redis.Redis) -> list[str]:
    jobs = [key for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]
    return sorted(redis_client.hget(key, "state") for key in jobs)


@pytest.mark.usefixtures("fleet")
def test_a_file_that_comes_slowly_keeps_the_note(url: str, redis_client: redis.Redis) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n{"model": "defects-small"}\r\n'
        yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\na'
        # Given that the note is nearly over, within one file
        wait_until(lambda: redis_client.pexpire(PLACE, 20_000), that="the work has begun")
        yield b"a" * 1000
        wait_until(lambda: redis_client.pttl(PLACE) > 20_000, that="the note lives")
        yield b"\r\n--x--\r\n"

    answer = post(url, body(), FORM)

    assert answer.status_code == 201, answer.text


@pytest.mark.usefixtures("fleet")
def test_of_two_that_have_begun_the_same_one_goes_on(url: str, redis_client: redis.Redis) -> None:
    # Given a body that was silent for so long that its note is over, and that comes again meanwhile
    again = []

    def body() -> Iterator[bytes]:
        yield OPTIONS
        yield b'"/images/0.jpg"\n' * 200
        wait_until(lambda: states(redis_client) == ["open"], that="the job is begun")
        redis_client.delete(PLACE)
        again.append(post(url, OPTIONS + b'"/images/0.jpg"\n', LINES))
        yield b'"/images/0.jpg"\n'

    first = post(url, body(), LINES)

    # Then the answer of the one that was done stays
    assert (first.status_code, first.json()["code"]) == (409, "idempotency_pending")
    assert again[0].status_code == 201
    assert post(url, OPTIONS + b'"/images/0.jpg"\n', LINES).json() == again[0].json()
    assert states(redis_client) == ["cancelled", "open"]


@pytest.mark.usefixtures("fleet")
def test_what_fails_takes_back_its_own_note_only(url: str, redis_client: redis.Redis) -> None:
    def body() -> Iterator[bytes]:
        yield OPTIONS + b'"/images/0.jpg"\n'
        wait_until(lambda: redis_client.exists(PLACE), that="the work has begun")
        redis_client.set(PLACE, '{"by": "somebody else"}', px=60_000)
        yield b"no JSON\n"

    assert post(url, body(), LINES).status_code in (409, 422)
    assert redis_client.get(PLACE) == '{"by": "somebody else"}'
