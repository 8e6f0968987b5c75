"""More references than a JSON body may have, through a gateway of its own: its memory stays as it is."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from contract import keys
from contract.connection import connect
from contract.settings import Settings
from producer.gateway.limits import Limits
from tests.support.gateway_process import gateway_process
from tests.support.quick_worker import working

pytestmark = pytest.mark.integration

COUNT = Limits().images + 1
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a worker that is played, and so refreshes no advert."""
    return settings.model_copy(update={"advert_lifetime": timedelta(minutes=10)})


def body(count: int) -> Iterator[bytes]:
    yield b'{"model": "defects-small"}\n'
    for number in range(count):
        yield b'"/archive/2026/11/camera-%d/%08d.jpg"\n' % (number % 7, number)


@pytest.mark.usefixtures("fleet")
def test_a_long_submission_takes_little_memory_and_its_results_come_meanwhile(
    settings: Settings, tmp_path: Path
) -> None:
    done_when_submitted = 0
    with (
        gateway_process(settings, tmp_path / "log") as gateway,
        httpx.Client(base_url=gateway.url, timeout=120) as http,
        working(settings),
    ):
        http.post("/v1/jobs", content=body(64), headers=LINES).raise_for_status()  # what is made once
        before_bytes = gateway.memory_bytes("VmRSS")

        def watched() -> Iterator[bytes]:
            nonlocal done_when_submitted
            yield from body(COUNT)
            done_when_submitted = read_so_far(settings, http)

        answer = http.post("/v1/jobs", content=watched(), headers=LINES)
        grown_bytes = gateway.memory_bytes("VmHWM") - before_bytes
        assert answer.status_code == 201, answer.text
        assert answer.json()["total"] == COUNT

        seen = set()
        with http.stream("GET", f"{answer.headers['Location']}/results", params={"follow": True}) as results:
            for line in results.iter_lines():
                told = json.loads(line)
                if "index" in told:
                    seen.add(told["index"])
        assert told["state"] == "done"

    assert len(seen) == COUNT
    assert done_when_submitted > 100, "results are read while the submission lasts"
    assert grown_bytes < 16 << 20, "the references alone are 4 MB as text, ten times as objects"


def read_so_far(settings: Settings, http: httpx.Client) -> int:
    """Results over HTTP of the job that is being submitted."""
    with connect(settings) as client:
        [job] = [
            key.split(":")[2]
            for key in client.keys(keys.job("*"))
            if key.count(":") == 2 and client.hget(key, "sealed") == "0"
        ]
    told = http.get(f"/v1/jobs/{job}/results", params={"limit": 1000}).text
    return sum("index" in json.loads(line) for line in told.splitlines())
