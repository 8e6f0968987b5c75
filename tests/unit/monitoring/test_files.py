"""monitoring/ and docs/metrics.md say what the exporter and the gateway tell: names, labels, runbooks."""

import json
import re
from typing import Any

import pytest
import yaml

from contract.settings import load_settings
from producer.gateway.counters import Counters
from producer.metrics.catalog import CATALOG
from tests.support.prometheus import ALERTS, BOARD, CONFIG, MONITORING, board_expressions

DOCUMENT = (MONITORING.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
DRAWN = [panel for panel in PANELS if panel["type"] != "row"]
#: Of Prometheus itself.
ITS_OWN = {"up", "ALERTS"}


def known_names() -> set[str]:
    """Every name that a series of ours may have."""
    families = {name: meant.kind for name, meant in CATALOG.items()}
    for family in Counters().registry.collect():
        if family.name.startswith("vedette_gateway_"):
            families[family.name + ("_total" if family.type == "counter" else "")] = family.type
    histograms = {name for name, kind in families.items() if kind == "histogram"}
    parts = {name + part for name in histograms for part in ("_bucket", "_sum", "_count")}
    return (families.keys() - histograms) | parts | ITS_OWN


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:vedette_\w+|up\b|ALERTS)", expression))


@pytest.mark.parametrize("name", CATALOG)
def test_names_follow_the_conventions_of_prometheus(name: str) -> None:
    meant = CATALOG[name]

    assert re.fullmatch(r"vedette(_[a-z]+)+", name)
    assert name.endswith("_total") == (meant.kind == "counter")
    assert not re.search(r"_(ms|milliseconds|mb|kb|percent)(_|$)", name)
    assert meant.help[0].isupper() or meant.help[0].isdigit()
    assert not meant.help.endswith(".")
    assert "le" not in meant.labels


def test_the_document_has_a_line_for_each_metric_as_the_catalog_says() -> None:
    lines = [
        f"| `{name}` | {meant.kind} | {', '.join(f'`{label}`' for label in meant.labels) or '–'} | {meant.help} |"
        for name, meant in CATALOG.items()
    ]

    documented = [line for line in DOCUMENT.splitlines() if re.match(r"\| `vedette_(?!gateway)", line)]

    assert documented == lines


def test_the_document_has_every_metric_of_the_gateway() -> None:
    named = {name for name in known_names() if name.startswith("vedette_gateway_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}

    assert families
    assert not {name for name in families if f"`{name}`" not in DOCUMENT}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_about_what_is_told_and_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    assert names_in(rule["expr"]) <= known_names()
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page.endswith("/docs/metrics.md")
    assert anchor == rule["alert"].lower()
    section = DOCUMENT.partition(f"\n### {rule['alert']}\n")[2].partition("\n### ")[0].strip()
    assert section.startswith(f"{rule['labels']['severity']}. ")
    assert "\n1. " in section, "the first thing to do"


def test_every_runbook_has_its_alert() -> None:
    alerts = DOCUMENT.partition("\n## Alerts\n")[2]

    assert re.findall(r"^### (\w+)$", alerts, re.MULTILINE) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("panel", DRAWN, ids=lambda panel: panel["title"])
def test_a_panel_has_title_unit_source_and_expressions_of_what_is_told(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert names_in(target["expr"])
        assert names_in(target["expr"]) <= known_names()


def test_panels_have_a_place_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_no_variable_of_the_board_is_undefined() -> None:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    defined = {variable["name"] for variable in board["templating"]["list"]} | {"__rate_interval"}

    used = set(re.findall(r"\$\{?(\w+)", " ".join(target["expr"] for p in DRAWN for target in p["targets"])))

    assert used <= defined
    assert not [expression for _, expression in board_expressions(board) if "$" in expression]


def test_most_of_the_catalog_is_on_the_board_or_in_an_alert() -> None:
    shown = {name for panel in DRAWN for target in panel["targets"] for name in names_in(target["expr"])}
    shown |= {name for rule in RULES for name in names_in(rule["expr"])}

    unseen = {name for name in CATALOG if not {name, f"{name}_bucket", f"{name}_sum"} & shown}

    # What is left is to be asked for, and stands in the document.
    assert unseen == {"vedette_queue_tasks_in_flight", "vedette_worker_uptime_seconds"}


def test_prometheus_scrapes_the_port_that_the_exporter_and_the_gateway_have() -> None:
    from vedette.commands.exporter import PORT as EXPORTER_PORT
    from vedette.commands.gateway import PORT as GATEWAY_PORT

    config = CONFIG.read_text(encoding="utf-8")

    assert f'["exporter:{EXPORTER_PORT}"]' in config
    assert f'["gateway:{GATEWAY_PORT}"]' in config
    assert load_settings().blob_bytes > 0
