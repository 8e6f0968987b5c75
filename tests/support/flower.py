"""A real Flower for tests, with a password, that never outlives the test."""

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError

from contract.settings import Settings
from tests.support.ending import end
from tests.support.redis_server import free_port
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

PASSWORD: Final = "watcher:sees-only"


@dataclass(frozen=True)
class FlowerProcess:
    url: str

    def ask(self, path: str, *, method: str = "GET", password: str | None = PASSWORD) -> tuple[int, str]:
        """Status and body; 0 where nobody answers."""
        request = urllib.request.Request(self.url + path, method=method)
        if password is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(password.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (URLError, ConnectionError, TimeoutError):
            return 0, ""

    def json(self, path: str) -> Any:
        status, body = self.ask(path)
        return json.loads(body) if status == 200 else {}


@contextmanager
def flower_process(directory: Path, settings: Settings, *options: str, **variables: str) -> Iterator[FlowerProcess]:
    """Flower as an operator starts it, ready, with more of its command line (`options`) and of its environment."""
    port = free_port()
    with (directory / f"flower-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers", "flower", f"--port={port}", *options],
            cwd=directory,
            env=environment(settings, **{"FLOWER_BASIC_AUTH": PASSWORD, "PYTHONPATH": str(ROOT), **variables}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    flower = FlowerProcess(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: flower.ask("/healthcheck")[0] == 200, 60, that="Flower answers")
        yield flower
    finally:
        end(process)
