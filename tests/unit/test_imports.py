"""Who may import whom. The rules stand in pyproject.toml under [tool.importlinter]; docs and CI rely on them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("package", ["contract", "producer"])
def test_the_light_side_of_the_house_loads_no_tensorflow_opencv_numpy_or_pillow(package):
    # Every module of the package, not only what its __init__ names.
    program = f"""
import importlib, pkgutil, sys
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({{"tensorflow", "cv2", "numpy", "PIL", "workers"}} & set(sys.modules)))
"""

    done = run("-c", program)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_wings_and_the_foundation_keep_to_their_directions():
    done = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
