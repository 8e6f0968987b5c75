"""A gateway in a process of its own, so that its memory is its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from contract.settings import Settings
from tests.support.redis_server import free_port
from tests.support.wait import wait_until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class GatewayProcess:
    url: str
    pid: int
    log: Path

    def memory_bytes(self, field: str) -> int:
        """Resident now (VmRSS) or at most so far (VmHWM)."""
        found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        assert found is not None, field
        return int(found[1]) * 1024


@contextmanager
def gateway_process(settings: Settings, log: Path, **env: str) -> Iterator[GatewayProcess]:
    """`vedette gateway` on a free loopback port, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "vedette", "--redis", settings.redis_url, "gateway", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **env}, stdout=out, stderr=out
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: process.poll() is not None or _answers(url), 30, that="the gateway answers")
            assert process.poll() is None, log.read_text()
            yield GatewayProcess(url, process.pid, log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
