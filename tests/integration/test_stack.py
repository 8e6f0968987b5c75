"""`vedette up` as an operator runs it: a real process, real services, and nothing left behind however it ends."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.connection import connect
from contract.registry import Registry
from contract.settings import load_settings
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

START_S = 90.0


class Up:
    """A running `vedette up`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.output = folder / "output"
        with self.output.open("wb") as sink:
            self.process = psutil.Popen(
                [sys.executable, "-m", "vedette", "up", "--data", str(folder / "data"), *options],
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            )

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        wait_until(lambda: "ready." in self.text() or not self.process.is_running(), START_S)
        assert "ready." in self.text(), self.text()

    def redis_url(self) -> str:
        found = re.search(r"redis://\S+/0", self.text())
        assert found is not None, self.text()
        return found[0]

    def everything_started(self) -> list[psutil.Process]:
        return self.process.children(recursive=True)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    stack = Up(tmp_path, "--worker", "--memory 1g --slots 1", "--no-flower", "--redis-port", "6391")
    yield stack
    for process in [*stack.everything_started(), stack.process] if stack.process.is_running() else []:
        process.kill()
    stack.process.wait(10)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_takes_with_it_all_that_it_started(up: Up, ending: signal.Signals) -> None:
    up.wait_until_ready()
    started = up.everything_started()
    settings = load_settings(redis_url=up.redis_url())
    with connect(settings) as client:
        assert [advert.node.partition("@")[0] for advert in Registry(client, settings).adverts()] == ["worker-1"]
    up.process.send_signal(ending)
    code = up.process.wait(60)
    if ending is not signal.SIGKILL:
        assert code == 0, up.text()
        assert "stopped; data and logs are in" in up.text()
    assert len(started) >= 3  # Redis, the worker, its slot
    wait_until(lambda: not [process for process in started if process.is_running()], 40)


def test_a_worker_that_cannot_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    up = Up(tmp_path, "--worker", "--memory 900g", "--no-flower", "--redis-port", "6391")
    assert up.process.wait(60) == 2
    assert "worker worker-1 ended with exit code" in up.text()
    assert "--memory" in up.text()
    assert "Traceback" not in up.text()
