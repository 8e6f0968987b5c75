"""The doctor on machines that are really small, really old, or really have another NumPy."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.memory import GIB, MIB
from tests.support.cgroups import memory_cgroup
from tests.support.tiny_model import build_tiny_model

pytestmark = [pytest.mark.lab, pytest.mark.integration]

VEDETTE = str(Path(sys.executable).parent / "vedette")
#: Of 2010: SSE4.2, no AVX.
OLD_CPU = "Nehalem"


def document(stdout: str) -> dict[str, dict[str, Any]]:
    return {found["code"]: found for found in json.loads(stdout)["findings"]}


@pytest.mark.parametrize(
    ("model", "exit_code", "code"), [("defects-small", 0, "model_works"), ("defects-large", 1, "")]
)
def test_in_a_cgroup_of_one_gibibyte(model: str, exit_code: int, code: str) -> None:
    with memory_cgroup(GIB) as group:
        process = group.run([VEDETTE, "doctor", "--json", model], stdout=subprocess.PIPE, text=True)
        out, _ = process.communicate(timeout=300)
        found = document(out)

        assert process.returncode == exit_code
        small = found["memory_small"]
        assert small["numbers"]["memory_per_slot_bytes"] == (1024 - 192) * MIB
        assert f"cgroup /{group.path.name}" in small["seen"]
        assert group.oom_kills == 0
    if code:
        assert code in found
    else:
        assert "it needs 2 GiB of memory per slot (has 832 MiB)" in found["model_needs_more"]["seen"]


def test_a_model_that_takes_all_of_it_costs_the_trial_only(tmp_path: Path) -> None:
    # Given a model that takes 900 MiB an image and says nothing of it
    build_tiny_model(tmp_path, "greedy", holds_mib=900)
    with memory_cgroup(GIB) as group:
        process = group.run(
            [VEDETTE, "doctor", "--json", "greedy"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "VEDETTE_MODEL_STORE": str(tmp_path)},
        )
        out, _ = process.communicate(timeout=300)

    assert process.returncode == 1
    assert document(out)["model_memory"]["seen"].startswith("greedy@1, first call: ")


def test_a_cpu_without_avx(tmp_path: Path) -> None:
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    if emulator is None:
        pytest.skip("no qemu-x86_64 (Debian's qemu-user) on PATH")
    # Given a Python whose CPU, in all that the doctor starts, has no AVX: TensorFlow's import really dies of it
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {emulator} -cpu {OLD_CPU} {sys.executable} "$@"\n')
    python.chmod(0o755)
    program = f"import sys; sys.executable = {str(python)!r}; from vedette.cli import vedette; vedette()"

    done = subprocess.run(
        [sys.executable, "-c", program, "doctor", "--json"], capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 1, done.stderr
    found = document(done.stdout)
    assert found["cpu_lacks_instruction"]["seen"] == "tensorflow import ended by SIGILL (illegal instruction)."
    assert "avx" in found["cpu_features_false"]["numbers"]["features"]  # /proc/cpuinfo is that of the host


def test_a_real_numpy_of_another_age(tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"]
    installed = subprocess.run(
        [*install, str(tmp_path), "numpy==1.24.4"], capture_output=True, text=True, timeout=300, check=False
    )
    if installed.returncode:
        pytest.skip(f"numpy 1.24.4 cannot be had: {installed.stderr.strip()[-200:]}")

    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [VEDETTE, "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    found = document(done.stdout)
    assert found["package_misfit"]["numbers"]["version"] == "1.24.4"
    assert "numpy_abi" in found, done.stdout
