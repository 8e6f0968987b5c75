"""A real `celery -A workers worker` for tests, with its slots, that never outlives the test."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from contract.connection import connect
from contract.registry import Advert, Registry
from contract.settings import PREFIX, Settings
from tests.support.wait import wait_until

ROOT: Final = Path(__file__).parents[2]
#: Preflight and slots import TensorFlow once each: six seconds on an idle machine, a minute on a busy one.
_START_S: Final = 120
#: A refusal needs the preflight at most; a worker that starts instead must not hold the tests up.
_REFUSAL_S: Final = 60
_STOP_S: Final = 20


@dataclass(frozen=True)
class WorkerProcess:
    #: Celery's node name, `name@host`.
    node: str
    process: "subprocess.Popen[bytes]"
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def slots(self) -> list[psutil.Process]:
        """The child processes that run tasks now."""
        return psutil.Process(self.process.pid).children()


@contextmanager
def worker_process(
    directory: Path,
    settings: Settings,
    name: str = "tested",
    *options: str,
    prefix: Sequence[str] = (),
    **variables: str,
) -> Iterator[WorkerProcess]:
    """A worker that has published its advert, with `settings` in its environment; ended with the block.

    Its log lies in `directory`. `options` are more of the command line, such as "--memory", "2g"; `prefix` stands
    before it, such as that of a cgroup.
    """
    log_file = directory / f"{name}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*prefix, *command(name, *options)],
            cwd=ROOT,
            env=environment(settings, **variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches pytest, which then ends the worker by its pid
        )
    try:
        node = wait_until(
            lambda: _advert(settings, name, process, log_file), _START_S, that=f"worker {name} has an advert"
        ).node
        yield WorkerProcess(node, process, log_file)
    finally:
        _end(process)


def failed_start(settings: Settings, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What a worker that must not start printed, and its exit code."""
    return subprocess.run(
        command("refused", *options),
        cwd=ROOT,
        env=environment(settings, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_REFUSAL_S,
        check=False,
    )


def command(name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "workers", "worker", "-n", f"{name}@%h", "-l", "INFO", *options]


def environment(settings: Settings, **variables: str) -> dict[str, str]:
    """The environment of this process, with exactly the VEDETTE_* variables that say what `settings` was told."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    told = {PREFIX + name.upper(): _spelled(getattr(settings, name)) for name in settings.model_fields_set}
    return {**inherited, f"{PREFIX}LOG": "text", **told, **variables}


def _spelled(value: Any) -> str:
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, tuple):
        return os.pathsep.join(map(str, value))
    return str(value)


def _advert(settings: Settings, name: str, process: "subprocess.Popen[bytes]", log_file: Path) -> Advert | None:
    log = log_file.read_text(encoding="utf-8", errors="replace")[-3000:]
    assert process.poll() is None, f"worker {name} ended with {process.returncode}:\n{log}"
    with connect(settings) as client:
        adverts = Registry(client, settings).adverts()
    return next((advert for advert in adverts if advert.node.startswith(f"{name}@")), None)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and after a while SIGKILL; the slots of a killed worker are killed with it, by pid."""
    if process.poll() is not None:
        return
    slots = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for slot in slots:
        if slot.is_running():  # and not another process with its pid: psutil compares the start
            slot.kill()
