"""The systemd units: systemd's own check of them, and what it cannot know."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.compose import ROOT
from tests.unit.deploy.times import GATEWAY_S, WORKER_S

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
BIN = "/opt/vedette/bin"
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)


@pytest.fixture
def installed(tmp_path):
    """The units with commands that are on this machine; a template as one instance of it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        text = unit.read_text().replace(BIN, str(Path(sys.executable).parent))
        (tmp_path / unit.name.replace("@.", "@small.")).write_text(text)
    return tmp_path


@each_unit
def test_systemd_understands_it(installed, unit):
    instance = installed / unit.name.replace("@.", "@small.")
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True)
    # Without systemd as PID 1 it also complains of units of the machine's own.
    ours = [line for line in (told.stdout + told.stderr).splitlines() if "vedette" in line]
    assert ours == []


@each_unit
def test_it_is_shut_in(installed, unit):
    instance = installed / unit.name.replace("@.", "@small.")
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=25", instance]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout[-400:]


@each_unit
def test_it_is_limited_and_started_again(unit):
    said = directives(unit)
    assert said["MemoryMax"]
    assert said["MemorySwapMax"] == "0"
    assert said["CPUQuota"]
    assert said["Restart"] == "always"
    assert said["RestartPreventExitStatus"] == "2"
    assert said["User"] == "vedette"
    assert said["EnvironmentFile"].startswith(("/etc/vedette/", "-/etc/vedette/"))


def test_a_worker_may_end_what_it_is_at_and_outlives_a_slot():
    said = directives(ROOT / "deploy/systemd/vedette-worker@.service")
    assert float(said["TimeoutStopSec"]) >= WORKER_S
    assert said["KillMode"] == "mixed"
    assert said["OOMPolicy"] == "continue"


def test_the_gateway_may_end_its_streams():
    assert float(directives(ROOT / "deploy/systemd/vedette-gateway.service")["TimeoutStopSec"]) > GATEWAY_S


@each_unit
def test_no_secret_stands_in_it(unit):
    assert not re.search(r"PASSWORD|REDIS_URL|AUTH=|vdt_", unit.read_text())


def directives(unit):
    """Name to value, the last one where there are several."""
    pairs = (line.partition("=") for line in unit.read_text().splitlines() if re.match(r"[A-Z]\w*=", line))
    return {name: value for name, _, value in pairs}
