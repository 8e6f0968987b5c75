"""A real Prometheus for tests, with the repository's own rules; and what it answers."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.ending import end
from tests.support.redis_server import free_port
from tests.support.wait import wait_until

MONITORING: Final = Path(__file__).parents[2] / "monitoring"
ALERTS: Final = MONITORING / "prometheus" / "alerts.yml"
CONFIG: Final = MONITORING / "prometheus" / "prometheus.yml"
BOARD: Final = MONITORING / "grafana" / "dashboards" / "vedette.json"


def missing() -> str | None:
    """Why there can be no Prometheus here; None: it is installed."""
    absent = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"no {' and no '.join(absent)} on PATH (Debian: apt-get install prometheus)" if absent else None


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """`data` of an answer of the HTTP API; AssertionError with Prometheus' own words for a refusal."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def samples(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample that an expression has now."""
        result = self.ask("query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def firing(self) -> set[str]:
        return {labels["alertname"] for labels, _ in self.samples('ALERTS{alertstate="firing"}')}


@contextmanager
def running_prometheus(
    directory: Path, targets: Mapping[str, str], *, at_once: bool = False, every: str = "1s"
) -> Iterator[Prometheus]:
    """Prometheus on the repository's configuration and rules, scraping every second; `targets` replace addresses of it.

    `at_once`: alerts fire as soon as their expression is true, for a test has no five minutes.
    """
    config = CONFIG.read_text(encoding="utf-8").replace("15s", every)
    # Gateways of tests ask nobody for a key.
    config = re.sub(r"^ +authorization:.*\n", "", config, flags=re.MULTILINE)
    for address, instead in targets.items():
        assert address in config, f"{CONFIG} has no target {address}"
        config = config.replace(address, instead)
    rules = ALERTS.read_text(encoding="utf-8")
    if at_once:
        rules = re.sub(r"^( +for:) .*$", r"\1 0s", rules, flags=re.MULTILINE)
    (directory / "prometheus.yml").write_text(config, encoding="utf-8")
    (directory / "alerts.yml").write_text(rules, encoding="utf-8")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (directory / "prometheus.log").open("wb") as log:
        # A session of its own: Ctrl-C reaches pytest, which then ends the server by its pid.
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _ready(server, url, directory / "prometheus.log"), 30, that="Prometheus is ready")
        yield Prometheus(url)
    finally:
        end(server)


def board_expressions(board: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(title of the panel, expression) of every target, with `$__rate_interval` and variables as Grafana would say."""
    told = {"$__rate_interval": "1m", "$queue": ".*", "$model": ".*", "$worker": ".*"}
    found = []
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in told.items():
                expression = expression.replace(variable, value)
            found.append((panel["title"], expression))
    return found


def _ready(server: "subprocess.Popen[bytes]", url: str, log: Path) -> bool:
    assert server.poll() is None, f"Prometheus ended with {server.returncode}: {log.read_text()[-1000:]}"
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
            return int(answer.status) == 200
    except OSError:
        return False
