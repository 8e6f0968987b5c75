"""The doctor as a process: on this machine as it is, and in front of packages that fail as real ones do."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_preflight import ILLEGAL, NUMPY_ABI
from tests.support.tiny_model import build_tiny_model

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
VEDETTE = str(Path(sys.executable).parent / "vedette")


def doctor(*arguments: str, path: Path | None = None, **env: str) -> tuple[int, dict[str, Any], str]:
    """(exit code, document, stderr); `path` comes first on the children's and the doctor's path."""
    ours = [str(path)] if path else []
    inherited = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    done = subprocess.run(
        [VEDETTE, "doctor", "--json", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*ours, *inherited]), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def at(document: dict[str, Any], level: str) -> dict[str, dict[str, Any]]:
    return {found["code"]: found for found in document["findings"] if found["level"] == level}


def test_this_machine_and_a_bundled_model() -> None:
    exit_code, document, stderr = doctor("defects-small")
    assert exit_code == 0, document
    assert document["healthy"] is True
    works = at(document, "ok")["model_works"]["numbers"]
    assert works["load_s"] > 0
    assert works["images_per_s"] > 0
    assert 100 * 2**20 < works["peak_bytes"] < 2 * 2**30
    assert {"tensorflow_works", "packages_fit", "onednn"} <= set(at(document, "ok"))
    assert stderr.splitlines() == ["importing TensorFlow in a process of its own …", "trying defects-small@1 …"]


def test_an_import_of_tensorflow_that_dies_of_an_illegal_instruction(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text(ILLEGAL)
    exit_code, document, _ = doctor("defects-small", path=tmp_path)
    assert exit_code == 1
    assert [*at(document, "problem")] == ["cpu_lacks_instruction"]
    assert at(document, "problem")["cpu_lacks_instruction"]["seen"] == (
        "tensorflow import ended by SIGILL (illegal instruction)."
    )
    assert "model_works" not in at(document, "ok")  # nothing was tried: it would have died too


def test_a_numpy_that_does_not_fit(tmp_path: Path) -> None:
    # Given a NumPy 1.23 before the real one on the path, as `pip install --target` and PYTHONPATH leave it
    (tmp_path / "numpy-1.23.5.dist-info").mkdir()
    (tmp_path / "numpy-1.23.5.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: numpy\nVersion: 1.23.5\n"
    )
    (tmp_path / "tensorflow.py").write_text(NUMPY_ABI)

    exit_code, document, _ = doctor(path=tmp_path)

    assert exit_code == 1
    problems = at(document, "problem")
    assert [*problems] == ["numpy_abi", "package_misfit"]
    assert problems["package_misfit"]["seen"] == "numpy 1.23.5 does not go with the others."
    assert "tensorflow 2." in problems["package_misfit"]["why"]
    assert problems["package_misfit"]["remedy"].startswith("pip install 'numpy")


@pytest.mark.parametrize(
    ("options", "spoil", "level", "code"),
    [
        ({"holds_mib": 150}, None, "warning", "model_takes_more"),
        ({}, "saved_model.pb", "problem", "model_broken"),
    ],
    ids=["hungry", "broken"],
)
def test_a_model_that_is_not_as_it_says(
    tmp_path: Path, options: dict[str, int], spoil: str | None, level: str, code: str
) -> None:
    directory = build_tiny_model(tmp_path, **options)
    if spoil is not None:
        (directory / spoil).write_bytes(b"no model")
    exit_code, document, _ = doctor("tiny", VEDETTE_MODEL_STORE=str(tmp_path))
    assert code in at(document, level), document
    assert exit_code == (1 if level == "problem" else 0)


def test_a_producers_install_is_told_what_a_worker_needs(tmp_path: Path) -> None:
    # Given all that is installed here but the worker's packages, as `pip install vedette` leaves it
    worker_only = ("tensorflow", "keras", "numpy", "cv2", "opencv", "PIL", "pillow", "psutil")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith((*worker_only, "_", "distutils")) and package.suffix != ".pth":
            (tmp_path / package.name).symlink_to(package)
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]
from vedette.cli import vedette
vedette()
"""

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, "doctor", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    problems = at(json.loads(done.stdout), "problem")
    assert [*problems] == ["worker_extra_missing"]
    assert problems["worker_extra_missing"]["remedy"].startswith("pip install 'vedette[worker]'")
