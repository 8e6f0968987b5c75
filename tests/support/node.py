"""Node with packages from npm, for tests of what other languages see; a machine without them skips."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.protocol import PROTOCOL

_INSTALL_S = 120


def node_project(package: Path, directory: Path) -> Path:
    """A directory below `directory` where the dependencies of `package`, a package.json, can be required."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    shutil.copy(package, directory / "package.json")
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm has not installed the packages within {_INSTALL_S} s")
    if done.returncode:
        pytest.skip(f"npm cannot install the packages: {done.stderr[-300:]}")
    return directory


def documented_script() -> str:
    """The one JavaScript block of docs/protocol.md."""
    (script,) = re.findall(r"^```js\n(.*?)^```$", PROTOCOL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(script)


def node(
    project: Path, script: str, *arguments: str, timeout_s: float = 60, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Runs `script` with packages of `project`; gives what it printed, and its exit code."""
    file = project / "script.js"
    file.write_text(script, encoding="utf-8")
    return subprocess.run(
        ["node", str(file), *arguments],
        cwd=project,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
