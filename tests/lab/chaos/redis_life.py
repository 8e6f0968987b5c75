"""A Redis that is killed, frozen and started again, and forgets nothing that it has acknowledged."""

import signal
import subprocess
from pathlib import Path

import redis

from tests.support.redis_server import free_port
from tests.support.wait import wait_until

_START_S = 30


class MortalRedis:
    """Its files and log lie in `directory`; `end()` it."""

    def __init__(self, directory: Path, executable: str) -> None:
        self._directory = directory
        self._executable = executable
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Comes back when it answers; does nothing when it lives."""
        if self._server is not None:
            return
        self._server = subprocess.Popen(
            [
                self._executable,
                *("--bind", "127.0.0.1", "--port", str(self._port), "--save", "", "--appendonly", "yes"),
                # With the default, each second, a kill -9 loses nothing either, for the kernel has the writes; but an
                # answer may then leave before its write does, and the tally must not have to forgive that.
                *("--appendfsync", "always"),
                *("--dir", str(self._directory), "--logfile", str(self._directory / "redis.log")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_until(self._answers, _START_S, that=f"redis-server answers on port {self._port}")

    def kill(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def freeze(self) -> None:
        """As behind a closed port: connections hang and are not refused."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    end = kill

    def _signal(self, number: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(number)

    def _answers(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, f"redis-server ended with {self._server.returncode}"
        try:
            with redis.Redis(host="127.0.0.1", port=self._port, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):  # or still loading its file
            return False
