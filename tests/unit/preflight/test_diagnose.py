"""Every way in which a preflight is known to fail, and what the operator is told."""

import signal

import pytest

from workers.preflight import child
from workers.preflight.diagnose import Diagnosis, Healthy, diagnose, format_diagnosis
from workers.preflight.errors import PreflightFailed
from workers.preflight.evidence import STAGES, Evidence, Stage, parse_stages

V4 = ("x86_64_v4", frozenset({"sse4_2", "avx", "avx2", "avx512f"}))
V2_WITHOUT_AVX = ("x86_64_v2", frozenset({"sse4_2", "popcnt"}))
V1 = ("x86_64", frozenset({"sse2", "pni"}))
PI = ("aarch64", frozenset({"fp", "asimd"}))


def died(stage: str, *, exit_code: int | None = 1, stderr: str = "") -> Evidence:
    """A child that finished all stages before `stage`."""
    done = [] if stage == "start" else [Stage(name, 0.1, "1.0") for name in STAGES[: STAGES.index(stage)]]
    unfinished = [] if stage == "start" else [Stage(stage)]
    return Evidence((*done, *unfinished), exit_code, stderr, timeout_s=120)


def diagnosed(evidence: Evidence, cpu: tuple[str, frozenset[str]] = V4) -> Diagnosis:
    diagnosis = diagnose(evidence, *cpu)
    assert isinstance(diagnosis, Diagnosis)
    return diagnosis


def test_a_healthy_machine() -> None:
    stages = tuple(Stage(name, 0.5, "2.4.6" if name.endswith("import") else None) for name in STAGES)
    assert diagnose(Evidence(stages, 0, "I0000 some log line\n", 120), *V4) == Healthy(
        {"numpy": "2.4.6", "cv2": "2.4.6", "tensorflow": "2.4.6"}
    )


@pytest.mark.parametrize(
    ("stage", "cpu", "cause", "remedy"),
    [
        (
            "tensorflow import",
            V2_WITHOUT_AVX,
            "tensorflow wheel is built for CPUs with avx; this CPU (x86_64_v2)",
            "build",
        ),
        (
            "numpy import",
            V1,
            "numpy wheel is built for CPUs with sse4_2; this CPU (x86_64) has no sse4_2",
            "build numpy",
        ),
        ("tensorflow op", V4, "this CPU (x86_64_v4) lacks, although it has avx", "pip install --force-reinstall"),
        ("cv2 op", V1, "cv2 uses an instruction that this CPU (x86_64) lacks: it was built", "pass the host's CPU"),
        (
            "tensorflow import",
            PI,
            "tensorflow uses an instruction that this CPU (aarch64) lacks: it",
            "build tensorflow",
        ),
    ],
)
def test_illegal_instruction(stage: str, cpu: tuple[str, frozenset[str]], cause: str, remedy: str) -> None:
    diagnosis = diagnosed(died(stage, exit_code=-signal.SIGILL), cpu)
    assert diagnosis.code == "cpu_lacks_instruction"
    assert diagnosis.seen == f"{stage} ended by SIGILL (illegal instruction)."
    assert cause in diagnosis.cause
    assert remedy in diagnosis.remedy


@pytest.mark.parametrize(
    ("stage", "stderr", "code", "told"),
    [
        (
            "numpy import",
            "RuntimeError: NumPy was built with baseline optimizations: \n(X86_V2) but your machine doesn't support:\n"
            "(X86_V2).\n",
            "cpu_lacks_instruction",
            "The NumPy wheel is built for CPUs with X86_V2; this CPU has no X86_V2.",
        ),
        (
            "tensorflow import",
            "F cpu_feature_guard.cc:37] The TensorFlow library was compiled to use AVX instructions, but these aren't "
            "available on your machine.\n",
            "cpu_lacks_instruction",
            "has no AVX",
        ),
        ("numpy import", "ModuleNotFoundError: No module named 'numpy'", "package_missing", "'vedette[worker]'"),
        ("tensorflow import", "ModuleNotFoundError: No module named 'tensorflow'", "package_missing", "no tensorflow"),
        ("tensorflow import", "ModuleNotFoundError: No module named 'absl.flags'", "package_missing", "but absl.flags"),
        (
            "cv2 import",
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "library_missing",
            "libGL.so.1 is not installed",
        ),
        (
            "cv2 import",
            "ImportError: libgthread-2.0.so.0: cannot open shared object file: No such file or directory",
            "library_missing",
            "opencv-python-headless",
        ),
        (
            "numpy import",
            "ImportError: libgfortran.so.5: cannot open shared object file: No such file or directory",
            "library_missing",
            "apt-file search libgfortran.so.5",
        ),
        (
            "tensorflow import",
            "ImportError: /lib/aarch64-linux-gnu/libgomp.so.1: cannot allocate memory in static TLS block",
            "library_unusable",
            "LD_PRELOAD=/lib/aarch64-linux-gnu/libgomp.so.1",
        ),
        (
            "tensorflow import",
            "ImportError: /lib/libc.so.6: version `GLIBC_2.28' not found (required by _pywrap_tensorflow.so)",
            "library_unusable",
            "older than GLIBC_2.28",
        ),
        ("tensorflow import", "AttributeError: _ARRAY_API not found\nImportError: umath", "numpy_abi", "major version"),
        (
            "tensorflow import",
            "ValueError: numpy.dtype size changed, may indicate binary incompatibility.",
            "numpy_abi",
            "tensorflow was built for another major version of NumPy",
        ),
        (
            "cv2 import",
            "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.1.0 as it may crash.\nImportError: x",
            "numpy_abi",
            "fresh virtual environment",
        ),
        (
            "tensorflow import",
            "AttributeError: module 'numpy' has no attribute 'exceptions'",  # NumPy 1.24 under TensorFlow 2.21
            "numpy_abi",
            "tensorflow was built for another",
        ),
        ("cv2 import", "ModuleNotFoundError: No module named 'numpy._core'", "numpy_abi", "cv2 was built"),
        ("tensorflow import", "TypeError: Descriptors cannot be created directly.", "protobuf_conflict", "pip check"),
        (
            "tensorflow import",
            "google.protobuf.runtime_version.VersionError: Detected incompatible Protobuf Gencode/Runtime versions",
            "protobuf_conflict",
            "protobuf",
        ),
        (
            "tensorflow import",
            "ImportError: libtensorflow_cc.so.2: failed to map segment from shared object",
            "memory",
            "0.6 GB",
        ),
        (
            "cv2 import",
            "ImportError: cv2.abi3.so: failed to map segment from shared object: Operation not permitted",
            "permission",
            "noexec",
        ),
        ("tensorflow op", "MemoryError: Unable to allocate 1.2 GiB", "memory", "at least 1 GiB"),
        ("tensorflow import", "OSError: [Errno 12] Cannot allocate memory", "memory", "dmesg"),
        (
            "numpy import",
            "OpenBLAS blas_thread_init: pthread_create failed for thread 1 of 4: Resource temporarily unavailable",
            "thread_limit",
            "ulimit -u",
        ),
        ("tensorflow import", "RuntimeError: can't start new thread", "thread_limit", "pids limit"),
        ("tensorflow import", "OSError: [Errno 28] No space left on device", "disk_full", "df -h"),
        ("cv2 import", "PermissionError: [Errno 13] Permission denied: '/opt/v/cv2'", "permission", "Check who owns"),
        ("tensorflow op", "ArithmeticError: computed 1.0 instead of 2", "failed", "does not work here"),
        ("start", "python: something new", "failed", "Vedette does not work here"),
    ],
)
def test_what_libraries_say(stage: str, stderr: str, code: str, told: str) -> None:
    diagnosis = diagnosed(died(stage, stderr=f"WARNING: noise\n{stderr}"))
    assert diagnosis.code == code
    assert told in f"{diagnosis.cause} {diagnosis.remedy}"
    assert diagnosis.seen.startswith(f"{stage} ended with exit code 1: ")
    assert "{" not in format_diagnosis(diagnosis)


@pytest.mark.parametrize(
    ("by", "code", "told"),
    [
        (signal.SIGKILL, "memory", "memory runs out"),
        (signal.SIGSEGV, "crash", "native code"),
        (signal.SIGABRT, "crash", "native code"),
        (signal.SIGBUS, "crash", "native code"),
        (signal.SIGTERM, "crash", "Somebody ended the preflight"),
        (40, "crash", "native code"),
    ],
)
def test_signals(by: int, code: str, told: str) -> None:
    diagnosis = diagnosed(died("tensorflow op", exit_code=-by))
    assert diagnosis.code == code
    assert told in diagnosis.cause
    assert diagnosis.seen.startswith("tensorflow op ended by ")


def test_a_signal_with_a_reason_in_its_text() -> None:
    diagnosis = diagnosed(died("tensorflow op", exit_code=-signal.SIGABRT, stderr="what():  std::bad_alloc\n"))
    assert (diagnosis.code, diagnosis.seen) == (
        "memory",
        "tensorflow op ended by SIGABRT (aborted): what():  std::bad_alloc",
    )


def test_time_out() -> None:
    diagnosis = diagnosed(died("tensorflow import", exit_code=None, stderr="MemoryError"))
    assert diagnosis.code == "timeout"
    assert diagnosis.seen == "tensorflow import was not finished when the time limit of 120 s was over."


def test_leaving_early_without_an_error_is_not_healthy() -> None:
    assert diagnosed(died("numpy import", exit_code=0)).code == "failed"


def test_the_report_survives_a_line_cut_short_and_foreign_lines() -> None:
    report = """{"stage": "numpy import", "state": "begun"}
{"stage": "numpy import", "state": "done", "seconds": 0.25, "version": "2.4.6"}
hello from a library
[1, 2]
{"stage": "numpy op", "state": "begun"}
{"stage": "cv2 imp"""
    assert parse_stages(report) == (Stage("numpy import", 0.25, "2.4.6"), Stage("numpy op"))


def test_the_child_does_the_stages_that_are_expected_of_it() -> None:
    assert tuple(child.STAGES) == STAGES


def test_the_error_reads_as_a_diagnosis() -> None:
    diagnosis = Diagnosis("crash", "What was seen.", "Why.", "What to do.")
    error = PreflightFailed(diagnosis)
    assert error.code == "preflight_failed"
    assert error.diagnosis == diagnosis
    assert str(error).splitlines() == [
        "preflight failed: crash",
        "  seen      What was seen.",
        "  cause     Why.",
        "  remedy    What to do.",
    ]
