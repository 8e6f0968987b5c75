"""One service of docker-compose.yml as a container without an engine: its image's layers, its user, its limits.

Own are root, mounts, processes, host name and memory cgroup. Shared is the network: all services are in one namespace
that has nothing but a loopback interface, and their names lead there.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.deploy.layers import Image, bind, mount, root_of, within
from tests.support.cgroups import memory_cgroup, why_none
from tests.support.compose import Service, load, seconds, services

#: What `init: true` does: passes SIGTERM on, and ends as its child ends.
_INIT: Final = (
    '"$@" & c=$!; trap "kill -TERM $c" TERM; wait $c; r=$?; while kill -0 $c 2>&-; do wait $c; r=$?; done; exit $r'
)


@dataclass
class Container:
    service: Service
    root: Path
    #: `nsenter`, `chroot`, the user: what stands before a command inside.
    user: list[str]
    environment: dict[str, str]
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def first_pid(self) -> int:
        """Of PID 1 inside, as the outside counts."""
        children = psutil.Process(self.process.pid).children()
        return children[0].pid

    def execute(self, command: list[str], timeout_s: float = 60, **options: Any) -> "subprocess.CompletedProcess[str]":
        """`docker compose exec`."""
        inside = ["nsenter", f"--target={self.first_pid}", "--mount", "--pid", "--uts", *self.user, *command]
        return subprocess.run(
            inside, env=self.environment, timeout=timeout_s, capture_output=True, text=True, check=False, **options
        )

    def healthy(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired, IndexError, psutil.NoSuchProcess):
            return self.running and self.execute(self.service.health_command, 20).returncode == 0
        return False

    def await_health(self) -> bool:
        """Whether it became healthy within `start_period`. Asked each second: a check may be a Python of its own."""
        give_up = time.monotonic() + seconds(self.service.raw["healthcheck"].get("start_period", "60s"))
        while self.running and time.monotonic() < give_up:
            if self.healthy():
                return True
            time.sleep(1)
        return False

    def stop(self) -> int:
        """Exit code of PID 1 after SIGTERM; TimeoutExpired after stop_grace_period, when an engine would kill."""
        os.kill(self.first_pid, signal.SIGTERM)
        return self.process.wait(self.service.grace_s)


@contextmanager
def container(service: Service, image: Image, number: int, work: Path) -> Iterator[Container]:
    """Runs until the block ends; `number` tells copies of one service apart."""
    name = f"{service.name}-{number}"
    hostname = f"{service.name[:6]}{os.getpid():x}{number}"
    with ExitStack() as stack:
        root = stack.enter_context(root_of(image.layers, work / "tops" / name, work / "mounts"))
        _furnish(service, root, hostname, work)
        if service.raw["read_only"]:
            mount("-o", "remount,ro", root)
        owner, _, group = image.user.partition(":")
        user = [
            *("chroot", str(root), "/usr/bin/env", "-C", image.workdir),
            *("setpriv", "--reuid", owner, "--regid", group, "--clear-groups", "--no-new-privs"),
            *("--bounding-set=-all", "--inh-caps=-all"),
        ]
        environment = {**image.environment, "HOSTNAME": hostname, **service.environment}
        prefix: list[str] = []
        if why_none() is None:
            prefix = stack.enter_context(memory_cgroup(service.memory_bytes)).prefix
        log = work / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        own = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        begin = f'hostname {hostname}; mount -t proc proc {root}/proc; exec "$@"'
        command = [*prefix, *own, "/bin/sh", "-c", begin, "sh", *user, "/bin/sh", "-c", _INIT, "init"]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, *(image.entrypoint if "entrypoint" not in service.raw else []), *service.command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd="/",
            )
        try:
            yield Container(service, root, user, environment, process, log)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With PID 1 of a namespace all in it ends. unshare's own --kill-child is forgotten when the user changes."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children():
            child.kill()
    if process.poll() is None:
        process.kill()
    process.wait()


def _furnish(service: Service, root: Path, hostname: str, work: Path) -> None:
    """Volumes, temporary file systems, secrets, and the files that an engine writes for every container."""
    for source, target, read_only in service.volumes:
        place = within(root, target)
        bind(_volume(source, place, f"{hostname}{target}", work), place, read_only=read_only)
    for target, options in service.tmpfs:
        within(root, target).mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "-o", options, "tmpfs", within(root, target))
    for secret in service.raw.get("secrets", []):
        bind(work / "project" / _secret_file(secret), within(root, f"/run/secrets/{secret}"), read_only=True)
    for name in ("hosts", "hostname"):
        file = work / f"etc-{hostname}-{name}"
        file.write_text(f"{hostname}\n" if name == "hostname" else _hosts(hostname))
        bind(file, within(root, f"/etc/{name}"), read_only=True)
    mount("--rbind", "/sys", within(root, "/sys"))  # what a worker reads of its cgroup


def _volume(source: str | None, place: Path, anonymous: str, work: Path) -> Path:
    """A new volume takes over owner and mode of the image's directory; a path of the host is what it is."""
    if source is not None and source.startswith((".", "/")):
        path = (work / "project" / source).resolve()
        path.mkdir(parents=True, exist_ok=True)
        return path
    volume = work / "volumes" / (source or anonymous).replace("/", "_")
    if not volume.exists():
        volume.mkdir(parents=True)
        place.mkdir(parents=True, exist_ok=True)
        like = place.stat()
        os.chown(volume, like.st_uid, like.st_gid)
        volume.chmod(like.st_mode & 0o7777)
    return volume


def _secret_file(secret: str) -> str:
    return str(load()["secrets"][secret]["file"])


def _hosts(hostname: str) -> str:
    return f"127.0.0.1 localhost {hostname} {' '.join(services())}\n"
