"""What `import workers` must not do: Celery imports it in the main process, in `inspect`, in Flower and in tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

#: Ends the process when anything touches the network, and notes what was opened or read from the environment.
WATCHED = """
import sys

def watch(event, args):
    if event.startswith("socket.") and event not in ("socket.gethostname",):
        raise SystemExit(f"network at import: {event} {args}")
    if event == "subprocess.Popen" or event == "os.fork":
        raise SystemExit(f"a process at import: {event} {args}")
    if event == "open" and isinstance(args[0], str) and args[0].startswith(("/proc/self/cgroup", "/sys/fs/cgroup")):
        raise SystemExit(f"the machine measured at import: {args}")

import celery.bin.worker, kombu.transport.redis, redis, pydantic_settings, archspec.cpu  # not ours to judge
sys.addaudithook(watch)
"""


def run(program: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED + program],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["workers", "workers.detect"])
def test_importing_the_app_touches_no_network_and_loads_no_tensorflow_opencv_or_numpy(module):
    loaded = run(
        f"import {module}; print(*sorted({{'tensorflow', 'cv2', 'numpy', 'PIL', 'producer'}} & set(sys.modules)))",
        VEDETTE_REDIS_URL="redis://nowhere.invalid:1/0",
    )

    assert loaded == ""


def test_importing_the_app_reads_no_settings():
    # A wrong one would end `celery -A workers --help` with a trace.
    run("import workers, workers.detect", VEDETTE_LEASE="soon", VEDETTE_REDIS_URL="not a url")


def test_configuring_the_app_loads_none_of_them_either():
    loaded = run(
        "import workers; workers.app.conf.broker_url; print('tensorflow' in sys.modules, 'cv2' in sys.modules)"
    )

    assert loaded == "False False"
