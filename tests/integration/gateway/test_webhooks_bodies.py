"""Every body that a job may come in may name a webhook."""

import json
from typing import Any

import httpx
import pytest

from contract.ledger import Ledger
from contract.settings import Settings
from tests.support.gateway import running_gateway

pytestmark = pytest.mark.integration

JOB = {"model": "defects-small", "allow_waiting": True, "webhook": {"url": "https://hooks.example.org/in"}}
LINES = "\n".join([json.dumps(JOB), '"/in/a.jpg"', ""])


@pytest.mark.parametrize(
    "body",
    [
        {"json": {**JOB, "images": ["/in/a.jpg"]}},
        {"content": LINES, "headers": {"Content-Type": "application/x-ndjson"}},
        {"data": {"job": json.dumps(JOB)}, "files": {"images": ("a.png", b"bytes", "image/png")}},
    ],
    ids=["object", "lines", "form"],
)
@pytest.mark.usefixtures("fleet")
def test_a_webhook_in(settings: Settings, ledger: Ledger, body: dict[str, Any]) -> None:
    allowed = settings.model_copy(update={"webhook_hosts": ("hooks.example.org",)})
    with running_gateway(allowed) as url:
        answer = httpx.post(f"{url}/v1/jobs", **body, timeout=20)
    with running_gateway(settings) as url:
        refused = httpx.post(f"{url}/v1/jobs", **body, timeout=20)

    assert answer.status_code == 201, answer.text
    assert ledger.status(answer.json()["id"]).webhook is not None
    assert (refused.status_code, refused.json()["code"]) == (422, "webhook_refused")
