"""The preflight with a real child: on this machine as it is, and with packages shadowed by ones that fail."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from workers.hardware.files import read_machine
from workers.hardware.plan import Caps
from workers.hardware.probe import measure
from workers.preflight import PreflightFailed, run_preflight

pytestmark = pytest.mark.integration

CAPABILITY = measure(read_machine(), Caps())
TIMEOUT = timedelta(seconds=120)

NUMPY_ABI = """
import sys
print("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.4.6", file=sys.stderr)
raise ImportError("numpy.core.multiarray failed to import")
"""
ILLEGAL = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
SEGMENTATION_FAULT = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
HANG = "import time; time.sleep(600)"
MISSING = "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"
CHATTY_AND_GONE = "import os; print('{}'); os._exit(3)"
LITTLE_MEMORY = """
import os, resource
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # or NumPy takes it all on a machine with many cores
resource.setrlimit(resource.RLIMIT_AS, (700 * 2**20, 700 * 2**20))
"""


def fail(directory: Path, module: str, code: str, timeout: timedelta = TIMEOUT) -> PreflightFailed:
    """What the preflight says when `module` is shadowed by `code`."""
    (directory / f"{module}.py").write_text(code)
    with pytest.raises(PreflightFailed) as raised:
        run_preflight(CAPABILITY, timeout, env={**os.environ, "PYTHONPATH": str(directory)})
    return raised.value


def test_this_machine_is_healthy() -> None:
    versions = run_preflight(CAPABILITY, TIMEOUT)
    assert set(versions) == {"numpy", "cv2", "tensorflow"}
    assert all(version[0].isdigit() for version in versions.values())


@pytest.mark.parametrize(
    ("module", "code", "diagnosis", "seen"),
    [
        ("tensorflow", NUMPY_ABI, "numpy_abi", "tensorflow import ended with exit code 1: A module that was"),
        ("tensorflow", ILLEGAL, "cpu_lacks_instruction", "tensorflow import ended by SIGILL"),
        ("numpy", ILLEGAL, "cpu_lacks_instruction", "numpy import ended by SIGILL"),
        ("cv2", SEGMENTATION_FAULT, "crash", "cv2 import ended by SIGSEGV"),
        ("tensorflow", MISSING, "package_missing", "tensorflow import ended with exit code 1: ModuleNotFoundError"),
        ("numpy", CHATTY_AND_GONE, "failed", "numpy import ended with exit code 3"),
        ("sitecustomize", LITTLE_MEMORY, "memory", "tensorflow import ended with exit code 1"),
    ],
    ids=["abi", "illegal-tensorflow", "illegal-numpy", "segfault", "missing", "gone", "little-memory"],
)
def test_a_broken_package_is_diagnosed(tmp_path: Path, module: str, code: str, diagnosis: str, seen: str) -> None:
    failed = fail(tmp_path, module, code)
    assert failed.diagnosis.code == diagnosis
    assert failed.diagnosis.seen.startswith(seen)


def test_a_hanging_import_ends_at_the_time_limit(tmp_path: Path) -> None:
    begun_s = time.monotonic()
    failed = fail(tmp_path, "cv2", HANG, timeout=timedelta(seconds=3))
    assert time.monotonic() - begun_s < 10
    assert failed.diagnosis.code == "timeout"
    assert failed.diagnosis.seen == "cv2 import was not finished when the time limit of 3 s was over."
