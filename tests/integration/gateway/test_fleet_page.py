"""The fleet as data and as a page."""

import re
from collections.abc import Iterator

import httpx
import pytest

from contract.capability import Capability
from contract.settings import Settings
from producer.fleet.view import FleetView, QueueWork, WorkerState
from producer.gateway.api_keys import ApiKey, digest
from tests.support.gateway import running_gateway

pytestmark = pytest.mark.integration


@pytest.fixture
def guarded(settings: Settings) -> Iterator[httpx.Client]:
    keys = [ApiKey(name="line", sha256=digest("vdt_line"))]
    with running_gateway(settings, api_keys=keys) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_the_page_reads_nothing_that_the_fleet_does_not_tell(http: httpx.Client) -> None:
    told = {
        "fleet": FleetView.model_fields,
        "queue": QueueWork.model_fields,
        "worker": WorkerState.model_fields,
        "has": Capability.model_fields,
    }
    read = re.findall(r"\b(fleet|queue|worker|has)\.(\w+)", http.get("/fleet").text)

    assert {name for name, _ in read} == set(told)
    assert [f"{name}.{field}" for name, field in read if field not in told[name]] == []


def test_the_page_needs_no_key_for_it_says_nothing_and_its_data_does(guarded: httpx.Client) -> None:
    assert guarded.get("/").headers["Location"] == "/fleet"
    page = guarded.get("/fleet")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert guarded.get("/v1/fleet").status_code == 401


def test_the_page_is_whole_in_itself_and_may_ask_its_own_gateway_only(http: httpx.Client) -> None:
    page = http.get("/fleet")
    policy = page.headers["Content-Security-Policy"]

    assert re.findall(r"""(?:src|href)=["']?(?!data:,)[^"'\s>]+""", page.text) == []
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    # What is allowed is what is there: one script, one sheet, no attribute that would be refused.
    assert len(re.findall("sha256-", policy)) == 2
    assert not re.search(r"\s(?:style|on\w+)=", page.text)
