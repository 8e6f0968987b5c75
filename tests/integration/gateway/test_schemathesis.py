"""Requests that nobody would think of, made from the OpenAPI document: none may end in a mistake of ours.

VEDETTE_TEST_CASES=150 makes some thousands of them, in minutes; -s shows how many.
"""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from contract.settings import Settings
from tests.support.gateway import running_gateway

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.integration

#: Asked at import, for a fixture takes every VEDETTE_* variable away.
CASES = os.environ.get("VEDETTE_TEST_CASES", "5")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a worker that is played, and so refreshes no advert."""
    return settings.model_copy(update={"advert_lifetime": timedelta(hours=1)})


@pytest.mark.usefixtures("worker")
def test_no_request_is_a_mistake_of_ours(settings: Settings, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'schemathesis>=4'")
    with running_gateway(settings, store=lambda content: f"/uploads/{len(content)}") as url:
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--no-color"),
                *("--checks", ",".join(CHECKS)),
                *("--max-examples", CASES, "--request-timeout", "15", "--suppress-health-check", "all"),
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )

    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    print(ran.stdout[-1500:])
    [generated] = re.findall(r"(\d+) generated, \1 passed", ran.stdout)
    assert int(generated) > 300
