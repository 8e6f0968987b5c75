"""Prometheus with a run behind it, and the board where a Grafana is installed.

Needs Prometheus and a browser on PATH, and for the board `grafana` (its `server` with the home directory that
GRAFANA_HOME names, /usr/share/grafana otherwise).
"""

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from contract.connection import connect
from contract.queues import queue_name
from contract.settings import load_settings
from docs.pictures import browser
from docs.pictures.browser import shoot
from docs.pictures.scene import plates, running, work
from producer.metrics.exporter import exporter
from tests.support import prometheus as prometheus_of_tests
from tests.support.prometheus import BOARD, MONITORING, running_prometheus
from tests.support.redis_server import free_port
from tests.support.wait import wait_until

#: What is drawn: images per second, and memory of workers.
GRAPHS: Final = (
    "sum by (model) (rate(vedette_images_total[30s]))",
    "vedette_worker_memory_bytes / vedette_worker_memory_limit_bytes",
)
_WORK_S: Final = 160
#: Something that no worker can read, so that an alert fires.
_GARBAGE: Final = "no message"
_ALERT_S: Final = 40
_GRAPH: Final = (1200, 1560)
_ALERTS: Final = (1200, 780)
_BOARD: Final = (1600, 2600)


def missing() -> str | None:
    """Why there can be no pictures here."""
    return browser.missing() or prometheus_of_tests.missing()


def take(folder: Path) -> None:
    images = plates(folder)
    with running(folder) as (stack, client):
        settings = load_settings(redis_url=stack.broker_url)
        with exporter(settings, "127.0.0.1", 0) as port:
            targets = {
                "exporter:9755": f"127.0.0.1:{port}",
                "gateway:8080": str(stack.gateway_url).removeprefix("http://"),
            }
            (folder / "prometheus").mkdir()
            with running_prometheus(folder / "prometheus", targets, every="5s") as prometheus:
                work(client, images)
                time.sleep(_WORK_S)
                with connect(settings) as redis:
                    redis.lpush(queue_name(client.model("defects-small").needs), _GARBAGE)
                time.sleep(_ALERT_S)
                shoot_all(folder, prometheus.url)


def shoot_all(folder: Path, prometheus: str) -> None:
    shoot(graph_url(prometheus), "prometheus-graph.png", _GRAPH)
    # Debian's Prometheus has the pages of old, at another path.
    pages = [f"{prometheus}/{path}" for path in ("alerts", "classic/alerts")]
    shoot(next(filter(_answers, pages)), "prometheus-alerts.png", _ALERTS)
    if shutil.which("grafana") is None:
        print("  no grafana on PATH: no picture of the board")
        return
    (folder / "grafana").mkdir()
    with running_grafana(folder / "grafana", prometheus) as grafana:
        shoot(f"{grafana}/d/vedette?kiosk&from=now-5m", "grafana-board.png", _BOARD)


def graph_url(prometheus: str) -> str:
    """Of the page of stock Prometheus, with all graphs of the last five minutes."""
    told: dict[str, str] = {}
    for number, expression in enumerate(GRAPHS):
        told |= {f"g{number}.expr": expression, f"g{number}.tab": "0", f"g{number}.range_input": "5m"}
    return f"{prometheus}/graph?{urlencode(told)}"


@contextmanager
def running_grafana(directory: Path, prometheus: str) -> Iterator[str]:
    """Grafana on the repository's provisioning, open to everybody who may look."""
    home = os.environ.get("GRAFANA_HOME", "/usr/share/grafana")
    provisioning = directory / "provisioning"
    shutil.copytree(MONITORING / "grafana" / "provisioning", provisioning)
    for file, there, here in (
        ("datasources/prometheus.yml", "http://prometheus:9090", prometheus),
        ("dashboards/vedette.yml", "/var/lib/grafana/dashboards", str(BOARD.parent)),
    ):
        path = provisioning / file
        path.write_text(path.read_text(encoding="utf-8").replace(there, here), encoding="utf-8")
    port = free_port()
    told = {
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str(directory / "data"),
        "GF_PATHS_PROVISIONING": str(provisioning),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    }
    with (directory / "grafana.log").open("wb") as log:
        server = subprocess.Popen(
            ["grafana", "server", f"--homepath={home}"], env={**os.environ, **told}, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(f"{url}/api/health"), 120, that="Grafana answers")
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False
