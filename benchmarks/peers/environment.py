"""Where other servers are installed: each in a venv of its own, with the benchmark's own TensorFlow."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

PACKAGES: Final = {"litserve": "litserve", "mosec": "mosec", "bentoml": "bentoml", "ray": "ray[serve]", "celery": None}
HERE: Final = Path(__file__).parent
_INSTALL_S: Final = 400


def default_home() -> Path:
    return user_cache_path("vedette") / "peers"


def python_of(peer: str, home: Path) -> Path:
    """The Python that has the peer, which is installed first if it is not there. CalledProcessError, TimeoutExpired."""
    package = PACKAGES[peer]
    if package is None:
        return Path(sys.executable)
    python = home / peer / "bin" / "python"
    ours = home / peer / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages" / "zz.pth"
    if not ours.exists():
        if not python.exists():
            venv.create(home / peer, with_pip=True, symlinks=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True, timeout=_INSTALL_S)
        # After its own packages, and not seen while they were chosen.
        ours.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def command(peer: str, python: Path, port: int) -> list[str]:
    program = str(HERE / f"serve_{peer}.py")
    commands = {
        "litserve": [program, str(port)],
        "mosec": [program, "--port", str(port), "--timeout", "60000"],
        "bentoml": ["-m", "bentoml", "serve", "serve_bentoml:Detect", "--port", str(port), "--host", "127.0.0.1"],
        "ray": [program, str(port)],
        "celery": [
            *("-m", "celery", "-A", "serve_celery", "worker", "--loglevel", "WARNING"),
            *("--concurrency", str(len(os.sched_getaffinity(0)))),
        ],
    }
    return [str(python), *commands[peer]]


def variables(model: Path, redis_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "BENCH_MODEL": str(model),
        "BENCH_REDIS": redis_url,
        "PYTHONPATH": str(HERE),  # not the tree: `import celery` and the like are to be those of the venv
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "RAY_USAGE_STATS_ENABLED": "0",
        "BENTOML_DO_NOT_TRACK": "true",
    }
