"""Large bodies: so many at once, and none for ever."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from contract.settings import Settings
from producer.gateway.large_bodies import SMALL_BYTES
from producer.gateway.limits import Limits
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

LARGE = b"\xff\xd8" + bytes(SMALL_BYTES)


@pytest.fixture
def http(settings: Settings) -> Iterator[httpx.Client]:
    """One large body at once, within a second, and a place for uploads."""
    limits = Limits(large_bodies=1, body_s=1.0)
    gateway = running_gateway(settings, limits=limits, store=lambda content: f"/uploads/{len(content)}")
    with gateway as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def begun(http: httpx.Client) -> socket.socket:
    """A request whose large body does not come."""
    raw = socket.create_connection((http.base_url.host, http.base_url.port or 0), timeout=10)
    raw.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
    raw.sendall(b"Content-Length: 100000\r\n\r\n{")
    return raw


@pytest.mark.usefixtures("fleet")
def test_a_body_that_does_not_come_is_given_up_and_its_place_is_free(http: httpx.Client) -> None:
    with begun(http) as first, begun(http) as second:
        assert http.get("/healthz").status_code == 200, "what is small does not wait"
        assert first.recv(100).startswith(b"HTTP/1.1 408 ")
        assert second.recv(100).startswith(b"HTTP/1.1 408 ")

    assert http.post("/v1/jobs", content=b"{" + b" " * 70_000).status_code == 422


def test_an_image_that_only_waits_for_its_result_holds_no_place(http: httpx.Client, worker: PlayedWorker) -> None:
    worker.may_go_on.clear()
    answers: list[int] = []

    def send() -> None:
        answer = http.post("/v1/detect?model=defects-small", content=LARGE, headers={"Content-Type": "image/jpeg"})
        answers.append(answer.status_code)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: jobs_told(http) == 3, that="all three are submitted")
    assert answers == [], "and none of them is answered, which would give its place back"
    worker.may_go_on.set()
    for thread in threads:
        thread.join()

    assert answers == [200] * 3


def jobs_told(http: httpx.Client) -> int:
    [line] = [line for line in http.get("/metrics").text.splitlines() if line.startswith("vedette_gateway_jobs_total ")]
    return int(float(line.split()[1]))
