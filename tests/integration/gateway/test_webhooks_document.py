"""The receiver of docs/http.md, as it is printed there, on what a gateway really sends."""

import re
import threading
from datetime import timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from contract import keys
from contract.settings import Settings
from producer import Client
from producer.webhooks.deliverer import Timing
from producer.webhooks.secrets_file import HostSecrets, new_secret, read_secrets
from tests.support.gateway import running_gateway
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

DOCUMENT = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("worker")
def test_the_receiver_takes_what_is_genuine_once(
    settings: Settings, redis_client: redis.Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given the receiver with a secret of its own, and a gateway with the lines that were printed with it
    secret, lines = new_secret("127.0.0.1")
    (tmp_path / "secrets.toml").write_text(lines)
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, object] = {"__name__": "receiver"}
    exec(compile(example, "docs/http.md", "exec"), names)
    names["SECRET"] = secret
    receiver: type = names["Receiver"]  # type: ignore[assignment]
    receiver.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), receiver) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        allowed = settings.model_copy(
            update={"webhook_hosts": (f"127.0.0.1:{server.server_port}",), "webhook_private": ("127.0.0.1/32",)}
        )
        with Client(settings=allowed) as client:
            url = f"http://127.0.0.1:{server.server_port}/vedette"
            job = client.submit(["/in/a.jpg", "/in/image_missing.jpg"], "defects-small", webhook=url)
            job.wait(timeout=10)

            # When it is told by somebody who has another secret, and twice, for a failover took the first one back
            quick = Timing(poll_s=0.05, first_pause=timedelta(seconds=0.1))
            forged = (HostSecrets(secrets=(new_secret("a")[0],)),)
            with running_gateway(allowed, webhook_secrets=forged, timing=quick):
                wait_until(lambda: _webhook(job).last_error == "HTTP 401", that="what is forged is refused")
            genuine = read_secrets(tmp_path / "secrets.toml")
            with running_gateway(allowed, webhook_secrets=genuine, timing=quick):
                wait_until(lambda: _webhook(job).state == "delivered", that="what is genuine is taken")
                redis_client.hdel(keys.job(job.id), "webhook_state")
                redis_client.zadd(keys.WEBHOOKS, {job.id: 0})
                wait_until(lambda: _webhook(job).state == "delivered", that="it is taken again")
        server.shutdown()

    assert capsys.readouterr().out == f"job.completed {job.id} 1 failed\n"


def _webhook(job):  # type: ignore[no-untyped-def]
    return job.status().webhook
