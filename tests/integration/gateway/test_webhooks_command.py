"""`vedette gateway` as an operator starts it: it makes a secret, and delivers with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from standardwebhooks import Webhook

from contract.settings import Settings
from tests.support.redis_server import free_port
from tests.support.wait import wait_until
from tests.support.web import Answer, web
from vedette.cli import vedette

pytestmark = pytest.mark.integration


@contextmanager
def gateway(settings: Settings, log: Path, **variables: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "vedette", "--redis", settings.redis_url, "gateway", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=out, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(process, url), 30, that="the gateway answers")
            yield url
        finally:
            process.terminate()
            assert process.wait(20) in (0, -15)


def _answers(process: "subprocess.Popen[bytes]", url: str) -> bool:
    assert process.poll() is None
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.TransportError:
        return False


@pytest.mark.usefixtures("worker")
def test_from_a_new_secret_to_a_delivery(settings: Settings, tmp_path: Path) -> None:
    # Given the lines that the command prints, in a file
    printed = CliRunner().invoke(vedette, ["gateway", "--new-webhook-secret", "127.0.0.1"]).stdout
    secret = printed.splitlines()[0].removeprefix("for the receiver: ")
    file = tmp_path / "webhooks.toml"
    file.write_text(printed[printed.index("[[webhook]]") :])

    with web({"/in": Answer()}) as receiver:
        variables = {
            "VEDETTE_WEBHOOK_HOSTS": f"127.0.0.1:{receiver.port}",
            "VEDETTE_WEBHOOK_PRIVATE": "127.0.0.1/32",
            "VEDETTE_WEBHOOK_SECRETS_FILE": str(file),
        }
        with gateway(settings, tmp_path / "log", **variables) as url:
            asked = {
                "images": ["/in/a.jpg"],
                "allow_waiting": True,  # the advert of the played worker has ended by now
                "model": "defects-small",
                "webhook": {"url": f"http://127.0.0.1:{receiver.port}/in"},
            }
            job = httpx.post(f"{url}/v1/jobs", json=asked).raise_for_status().json()["id"]
            wait_until(lambda: receiver.bodies, 15, that="the receiver is told")

    assert Webhook(secret).verify(receiver.bodies[0], receiver.requests[0][1])["data"]["job"] == job
    log = (tmp_path / "log").read_text()
    assert secret not in log
    assert "not delivered from here" not in log


def test_a_gateway_that_takes_webhooks_and_delivers_none_says_so(settings: Settings, tmp_path: Path) -> None:
    with gateway(settings, tmp_path / "log", VEDETTE_WEBHOOK_HOSTS="hooks.example.org"):
        pass

    assert "not delivered from here: VEDETTE_WEBHOOK_SECRETS_FILE is not set" in (tmp_path / "log").read_text()


def test_a_file_of_secrets_that_is_wrong_ends_it(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "webhooks.toml").write_text('[[webhook]]\nsecrets = ["password"]\n')

    result = CliRunner().invoke(
        vedette,
        ["--redis", settings.redis_url, "gateway"],
        env={"VEDETTE_WEBHOOK_SECRETS_FILE": str(tmp_path / "webhooks.toml")},
    )

    assert result.exit_code == 2
    assert "webhook.0.secrets.0: Value error, expected whsec_" in result.stderr
    assert "password" not in result.stderr
