"""A gateway whose file of keys changes while it is asked."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from contract import keys
from contract.settings import Settings
from producer.gateway.api_keys import digest
from producer.gateway.key_file import KeyFile
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

LINE, YARD = ({"Authorization": f"Bearer vdt_{name}"} for name in ("line", "yard"))


def admit(path: Path, *names: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(f'[[key]]\nname = "{name}"\nsha256 = "{digest(f"vdt_{name}")}"\n' for name in names))
    fresh.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    admit(tmp_path / "keys.toml", "line", "yard")
    return tmp_path / "keys.toml"


@pytest.fixture
def guarded(settings: Settings, path: Path) -> Iterator[httpx.Client]:
    with running_gateway(settings, api_keys=KeyFile(path)) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_a_key_that_is_taken_out_opens_nothing_more(guarded: httpx.Client, path: Path) -> None:
    assert guarded.get("/v1/models", headers=LINE).status_code == 200

    admit(path, "yard", "gate")

    assert guarded.get("/v1/models", headers=LINE).status_code == 401
    for name in ("yard", "gate"):
        assert guarded.get("/v1/models", headers={"Authorization": f"Bearer vdt_{name}"}).status_code == 200


def test_a_broken_file_keeps_the_keys_and_is_seen_in_the_metrics(guarded: httpx.Client, path: Path) -> None:
    assert "vedette_gateway_keys_file_ok 1.0" in guarded.get("/metrics", headers=LINE).text

    path.write_text("[[key]")
    assert "vedette_gateway_keys_file_ok 0.0" in guarded.get("/metrics", headers=LINE).text

    admit(path, "yard")
    assert guarded.get("/metrics", headers=LINE).status_code == 401
    assert "vedette_gateway_keys_file_ok 1.0" in guarded.get("/metrics", headers=YARD).text


def test_a_stream_of_a_key_that_is_taken_out_is_cut(guarded: httpx.Client, path: Path, worker: PlayedWorker) -> None:
    body = {"images": [f"/images/{number}.jpg" for number in range(40)], "model": "defects-small"}
    job = guarded.post("/v1/jobs", json=body, headers=LINE).json()["id"]
    worker.may_go_on.clear()

    with guarded.stream("GET", f"/v1/jobs/{job}/results", params={"follow": True}, headers=LINE) as stream:
        admit(path, "yard")
        worker.may_go_on.set()
        lines = [json.loads(line) for line in stream.iter_lines()]

    wait_until(lambda: guarded.get(f"/v1/jobs/{job}", headers=YARD).json()["state"] == "done", that="the job goes on")
    assert sum("index" in line for line in lines) < 40
    assert "state" not in (lines or [{}])[-1] or lines[-1]["state"] == "open", "no end was told"


@pytest.mark.usefixtures("fleet")
def test_a_job_that_such_a_key_still_submits_is_cancelled(
    guarded: httpx.Client, path: Path, redis_client: redis.Redis
) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"model": "defects-small"}\n' + b'"/images/a.jpg"\n' * 100
        [job] = wait_until(lambda: redis_client.keys(keys.job("job-*[0-9a-f]")), that="the job is begun")
        admit(path, "yard")
        yield b'"/images/a.jpg"\n'
        wait_until(lambda: redis_client.hget(job, "state") == "cancelled", that="the job is cancelled")
        yield b'"/images/a.jpg"\n'

    headers = {**LINE, "Content-Type": "application/x-ndjson"}
    answer = guarded.post("/v1/jobs", content=body(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
