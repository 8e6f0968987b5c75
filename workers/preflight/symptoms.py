"""The texts and signals by which a failure of NumPy, TensorFlow or OpenCV is known, with cause and remedy.

Covers what libraries write before they give up. Which symptom counts when, and SIGILL, which needs the CPU's features,
are decided in `workers.preflight.diagnose`. In texts, {package} is the failing stage's package, {0}, {1} the groups.
"""

from dataclasses import dataclass
from typing import Final, Literal

Code = Literal[
    "cpu_lacks_instruction",
    "package_missing",
    "library_missing",
    "library_unusable",
    "numpy_abi",
    "protobuf_conflict",
    "memory",
    "thread_limit",
    "disk_full",
    "permission",
    "timeout",
    "crash",
    "failed",
]

REINSTALL: Final = "pip install --force-reinstall 'vedette[worker]'"
OTHER_CPU: Final = (
    "Run the worker on another machine, or build {package} from source here (-march=native). "
    "This machine can still submit jobs, or serve Redis, the gateway or Flower."
)
MORE_MEMORY: Final = (
    "Give this machine or container at least 1 GiB for each slot (ulimit -v, container memory limit, `free -m`); "
    "`dmesg` tells whether the kernel killed a process for its memory."
)


@dataclass(frozen=True)
class Symptom:
    #: Regular expression, searched in the end of stderr.
    pattern: str
    code: Code
    cause: str
    remedy: str


#: The first that matches counts, so the special ones come before the general ones.
SYMPTOMS: Final = (
    Symptom(
        r"NumPy was built with baseline optimizations:\s*\(([^)]*)\) but your machine doesn't support:\s*\(([^)]*)\)",
        "cpu_lacks_instruction",
        "The NumPy wheel is built for CPUs with {0}; this CPU has no {1}.",
        OTHER_CPU,
    ),
    Symptom(
        r"library was compiled to use\s+([\w.+ ]+?)\s+instructions",
        "cpu_lacks_instruction",
        "The TensorFlow wheel is built for CPUs with {0}; this CPU has no {0}.",
        OTHER_CPU,
    ),
    Symptom(
        r"_ARRAY_API not found|numpy\.dtype size changed|compiled using NumPy 1\.x|compiled against (?:NumPy C-)?"
        r"(?:API|ABI) version|No module named 'numpy\._?core|module 'numpy(?:\.\w+)*' has no attribute",
        "numpy_abi",
        "{package} was built for another major version of NumPy than the one installed.",
        f"Install them together, in a fresh virtual environment: {REINSTALL}",
    ),
    Symptom(
        r"Descriptors cannot (?:not )?be created directly|Detected (?:incompatible|mismatched) Protobuf|"
        r"cannot import name '\w+' from 'google\.protobuf",
        "protobuf_conflict",
        "Another package has put a protobuf here that does not go with this TensorFlow.",
        f"`pip check` names the package; then use a virtual environment without it: {REINSTALL}",
    ),
    Symptom(
        r"No module named '(numpy|tensorflow|cv2)'",
        "package_missing",
        "Vedette is installed without what a worker needs: there is no {0}.",
        "pip install 'vedette[worker]'",
    ),
    Symptom(
        r"No module named '([\w.]+)'",
        "package_missing",
        "{package} is installed, but {0}, which it needs, is not.",
        REINSTALL,
    ),
    Symptom(
        r"(\S+): cannot allocate memory in static TLS block",
        "library_unusable",
        "Libraries loaded before {0} have used up the C library's static thread storage (known on ARM).",
        "Load it first: LD_PRELOAD={0}, set for the whole worker.",
    ),
    Symptom(
        r"version [`']((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found",
        "library_unusable",
        "This system's C or C++ library is older than {0}, which the {package} wheel is built for.",
        "Use a newer system, or the worker's container image on this one.",
    ),
    Symptom(
        r"(lib(?:GL|gthread|SM|Xext|Xrender)\S*): cannot open shared object file",
        "library_missing",
        "The system library {0} is not installed; OpenCV with windows needs it, OpenCV for servers does not.",
        "pip uninstall opencv-python; pip install --force-reinstall opencv-python-headless",
    ),
    Symptom(
        r"(lib\S+?): cannot open shared object file",
        "library_missing",
        "The system library {0}, which {package} needs, is not installed.",
        "Install the system's package that contains {0} (`apt-file search {0}`, `dnf provides '*/{0}'`).",
    ),
    Symptom(
        r"failed to map segment from shared object: Operation not permitted",
        "permission",
        "{package} is installed on a file system that is mounted noexec.",
        "Put the virtual environment on a file system that allows to execute.",
    ),
    Symptom(
        r"No space left on device",
        "disk_full",
        "A file system is full.",
        "`df -h` tells which; free some space there (TMPDIR moves temporary files).",
    ),
    Symptom(
        r"can't start new thread|pthread_create\b.*failed|Resource temporarily unavailable",
        "thread_limit",
        "The system allows no more threads or processes.",
        "Raise the limit (ulimit -u, the container's pids limit), or start the worker with fewer --threads.",
    ),
    Symptom(
        r"\bMemoryError\b|std::bad_alloc|failed to map segment|[Cc]annot allocate memory|Unable to allocate",
        "memory",
        "There is too little memory for {package}; TensorFlow takes 0.6 GB before any model.",
        MORE_MEMORY,
    ),
    Symptom(
        r"PermissionError|Permission denied",
        "permission",
        "This user may not read {package}'s files or write where it wants to.",
        "Check who owns the virtual environment and the home directory, and that TMPDIR is writable.",
    ),
)

SIGNALS: Final = {
    "SIGILL": "illegal instruction",
    "SIGKILL": "killed",
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "aborted",
    "SIGBUS": "bus error",
    "SIGFPE": "arithmetic error",
    "SIGTERM": "asked to end",
}
