"""`python -m tests.deploy [--work DIR]`: what docker-compose.yml and the Dockerfile say, carried out without an engine.

1. The stages of the Dockerfile are built (`tests.deploy.build`), with this machine's way to packages.
2. In a network that has nothing but a loopback interface, every service of docker-compose.yml that stays up is started
   with its command, environment, user, read-only root, volumes, secrets and memory limit, two of `worker-small`, until
   its own health check passes.
3. A job goes through the gateway, with the key that `make secrets` made; its results must be there, and the workers
   must have advertised what their limits allow.
4. Each is told to stop, and must end by itself within its grace period.

Images of others cannot be fetched: Redis is Debian's, Prometheus and Grafana are left out. Exit code 0: all of that.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.layers import why_not
from tests.support.compose import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deploy")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "deploy-check", help="layers, volumes and logs")
    parser.add_argument("--keep-images", action="store_true", help="run what is built there already")
    parser.add_argument("--phase", choices=["build", "run"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"deploy-check skipped: {reason}")
        return 0
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if given.phase is not None:
        return _phase(given.phase, work)
    phases = ["run"] if given.keep_images else ["build", "run"]
    # Mounts and processes end with the one that made them, however it ends; and only the build may reach a network.
    for phase in phases:
        own = ["unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--mount-proc", "--kill-child"]
        own += ["--net"] if phase == "run" else []
        command = [*own, sys.executable, "-m", "tests.deploy", "--work", str(work), "--phase", phase]
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode
        if code:
            return code
    return 0


def _phase(phase: str, work: Path) -> int:
    from tests.deploy.build import build, load_images, save_images

    if phase == "build":
        print("Building the stages of the Dockerfile", flush=True)
        save_images(build(work), work)
        return 0
    from tests.deploy.fleet import run  # redis-py, YAML and the rest are not needed to build

    return run(load_images(work), work)


if __name__ == "__main__":
    sys.exit(main())
