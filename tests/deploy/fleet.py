"""Starts the services of docker-compose.yml as containers, sends a job through the gateway, and stops them again."""

import json
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from tests.deploy.container import Container, container
from tests.deploy.layers import Image
from tests.support.compose import ROOT, Service, services
from tests.support.wait import wait_until
from vedette.cli import vedette

#: Images of others, which can't be fetched here; Redis has a stand-in.
_LEFT_OUT: Final = {"prometheus": "no image of its own", "grafana": "no image of its own"}
#: As `docker compose up --scale` would.
_SCALE: Final = {"worker-small": 2}
_BUNDLED: Final = "defects-small"
#: Its name in the volume of models.
_MODEL: Final = "added"


class Failed(Exception):
    """What does not hold, for a person."""


def run(images: Mapping[str, Image], work: Path) -> int:
    project = _project(work)
    told = dict(line.split("=", 1) for line in (project / ".env").read_text().splitlines())
    all_services = services(told)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with ExitStack() as stack:
        try:
            running = _start(all_services, images, work, stack)
            _check_network_of_keys(running)
            _check_writes(running)
            _check_capabilities(running, all_services, images, work)
            _send_job(running, work)
            _stop(running)
        except Failed as failure:
            print(f"failed: {failure}", file=sys.stderr)
            return 1
    print("deploy-check passed")
    return 0


def _project(work: Path) -> Path:
    """The directory that `docker compose` would be called in, after `make secrets`."""
    project = work / "project"
    for old in (project, work / "tops", work / "volumes", work / "logs"):
        shutil.rmtree(old, ignore_errors=True)
    project.mkdir()
    made = subprocess.run(
        [sys.executable, ROOT / "deploy/make_secrets.py", project], check=True, capture_output=True, text=True
    ).stdout
    with (project / ".env").open("a") as file:
        file.write("VEDETTE_MODEL_STORE=/models\n")
    (project / "key").write_text(made[made.index("vdt_") :].split()[0])
    (project / "images").mkdir()
    _draw_plates(project / "images")
    return project


def _draw_plates(into: Path) -> None:
    import cv2

    from vedette.plates import render_plate

    for number in range(4):
        cv2.imwrite(str(into / f"plate-{number}.png"), render_plate(4_200_000 + number, 640, 480).image)


def _start(
    all_services: Mapping[str, Service], images: Mapping[str, Image], work: Path, stack: ExitStack
) -> list[Container]:
    """In the order of `depends_on`: Redis until it is healthy, then the rest side by side."""
    print("Starting the services of docker-compose.yml", flush=True)
    running: list[Container] = []
    for name in ("redis", *(name for name in all_services if name != "redis")):
        service = all_services[name]
        reason = _LEFT_OUT.get(name) or _why_not_yet(service)
        if not service.runs_on or reason:
            print(f"  {name}: {'a command for one call' if not service.runs_on else f'left out, {reason}'}")
            continue
        began = time.monotonic()
        image = images[service.target or name]
        fresh = [
            stack.enter_context(container(service, image, number, work)) for number in range(1, 1 + _SCALE.get(name, 1))
        ]
        running += fresh
        if name == "redis":
            _await(fresh, began)
            _add_model(all_services, images, work)
    began = time.monotonic()
    _await(running[1:], began)
    return running


def _add_model(all_services: Mapping[str, Service], images: Mapping[str, Image], work: Path) -> None:
    """Into the store that the workers cannot write to, before they start: they look there once a minute."""
    exported = work / "project/exported"
    (bundled,) = (ROOT / "workers/bundled" / _BUNDLED).iterdir()
    shutil.copytree(bundled, exported, ignore=shutil.ignore_patterns("model.toml"))
    (exported / "labels.txt").write_text(
        "\n".join(tomllib.loads((bundled / "model.toml").read_text())["labels"].values())
    )
    words = ["add", "/exported", "--name", _MODEL, "--labels", "/exported/labels.txt", "--effort", "minimal"]
    models = all_services["models"]
    mounted = Service("models", {**models.raw, "volumes": [*models.raw["volumes"], "./exported:/exported:ro"]})
    told = _command(mounted, images, work, words, 240)
    print(f"  models {' '.join(words)}: {told.splitlines()[-1]}", flush=True)


def _why_not_yet(service: Service) -> str | None:
    """A verb of the command that this version does not have: its service stands in the file before it does."""
    if service.command[:1] != ["vedette"] or not service.runs_on:
        return None
    verb = service.command[1]
    known = vedette.list_commands(click.Context(vedette))
    return None if verb in known else f"`vedette {verb}` is not in this version"


def _await(containers: list[Container], began: float) -> None:
    for each in containers:
        if not each.await_health():
            how = "is not healthy in time" if each.running else "ended by itself"
            raise Failed(f"{each.log.stem} {how}\n{_end_of(each.log)}")
        print(f"  {each.log.stem}: healthy after {time.monotonic() - began:.0f} s", flush=True)


def _named(running: list[Container], name: str) -> Container:
    return next(each for each in running if each.service.name == name)


def _check_network_of_keys(running: list[Container]) -> None:
    """Without a key, a password, a name: refused, by the gateway, Flower and Redis alike."""
    gateway, redis = _named(running, "gateway"), _named(running, "redis")
    _expect(gateway, "http://gateway:8080/v1/models", 401)
    _expect(gateway, "http://flower:5555/workers", 401)
    answer = redis.execute(["/usr/bin/env", "-u", "REDISCLI_AUTH", "redis-cli", "get", "x"])
    if "NOAUTH" not in answer.stdout + answer.stderr:
        raise Failed(f"Redis answers somebody without a password: {answer.stdout}{answer.stderr}")
    print("  without key or password: refused by gateway, Flower and Redis")


def _expect(within: Container, url: str, status: int) -> None:
    code = (
        "import sys, urllib.request, urllib.error\n"
        "try: print(urllib.request.urlopen(sys.argv[1], timeout=10).status)\n"
        "except urllib.error.HTTPError as error: print(error.code)"
    )
    answer = within.execute(["python", "-c", code, url])
    if answer.stdout.strip() != str(status):
        raise Failed(f"{url} without a key: {answer.stdout.strip()} {answer.stderr[-300:]}, expected {status}")


def _check_writes(running: list[Container]) -> None:
    """The root is read-only and the process nobody special: what an intruder would find."""
    for each in running:
        answer = each.execute(
            ["/bin/sh", "-c", "touch /usr/x 2>&1; id -u; grep -E '^(CapEff|NoNewPrivs)' /proc/1/status"]
        )
        for expected in ("Read-only file system", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"):
            if expected not in answer.stdout:
                raise Failed(f"{each.log.stem}: {expected!r} is not so: {answer.stdout}{answer.stderr}")
    print("  every root is read-only, no process has a capability")


def _check_capabilities(
    running: list[Container], all_services: Mapping[str, Service], images: Mapping[str, Image], work: Path
) -> None:
    """Workers of one image are unlike because their limits are: `docker compose run --rm vedette fleet` tells."""
    workers = [each for each in running if each.service.name.startswith("worker-")]

    def adverts() -> str | None:
        told = _command(all_services["vedette"], images, work, ["fleet"])
        return told if all(told.count(f"{_node(each)}@") >= 1 for each in workers) else None

    try:
        told = wait_until(adverts, 60, that="every worker has an advert")
    except AssertionError:
        raise Failed(
            "not every worker has an advert:\n" + _command(all_services["vedette"], images, work, ["fleet"])
        ) from None
    print("\n".join(f"  | {line}" for line in told.splitlines()))


def _node(worker: Container) -> str:
    return worker.service.command[-1].partition("@")[0]


_calls = iter(range(1, 1_000))


def _command(service: Service, images: Mapping[str, Image], work: Path, words: list[str], timeout_s: float = 60) -> str:
    """`docker compose run --rm vedette …`: what it prints."""
    once = Service(service.name, {**service.raw, "command": words})
    with container(once, images[str(service.target)], 100 + next(_calls), work) as call:
        code = call.process.wait(timeout_s)
        told = call.log.read_text(errors="replace")
    if code:
        raise Failed(f"vedette {' '.join(words)} ended with {code}:\n{told}")
    return told


_CLIENT: Final = """
import json, sys, time, urllib.request
base, key, model = sys.argv[1:]
def ask(path, body=None):
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(base + path, headers=headers)
    return urllib.request.urlopen(request, json.dumps(body).encode() if body else None, timeout=120)
images = [f"/images/plate-{n}.png" for n in range(4)] + ["/etc/passwd"]
where = ask("/v1/jobs", {"images": images, "model": model}).headers["location"]
print(ask(where + "/results?follow=true").read().decode())
"""


def _send_job(running: list[Container], work: Path) -> None:
    gateway = _named(running, "gateway")
    key = (work / "project/key").read_text()
    answer = gateway.execute(["python", "-c", _CLIENT, "http://gateway:8080", key, _MODEL], 180)
    if answer.returncode:
        raise Failed(f"the job through the gateway: {answer.stderr[-1500:]}")
    results: list[dict[str, Any]] = [json.loads(line) for line in answer.stdout.splitlines() if line.strip()]
    found = {result["image"]: result for result in results if "image" in result}
    plates = [found.get(f"/images/plate-{number}.png", {}) for number in range(4)]
    if not all("detections" in plate for plate in plates):
        raise Failed(f"the job through the gateway: {answer.stdout[:2000]}")
    if found["/etc/passwd"].get("failure", {}).get("code") != "image_forbidden":
        raise Failed(f"a file outside of /images: {found['/etc/passwd']}")
    detections = sum(len(plate["detections"]) for plate in plates)
    print(f"  a job through the gateway: 4 images, {detections} detections; a file outside of /images is refused")


def _stop(running: list[Container]) -> None:
    for each in reversed(running):
        began = time.monotonic()
        try:
            code = each.stop()
        except subprocess.TimeoutExpired:
            raise Failed(f"{each.log.stem} runs on {each.service.grace_s:.0f} s after SIGTERM") from None
        if code not in (0, 143):
            raise Failed(f"{each.log.stem} ended with {code} after SIGTERM\n{_end_of(each.log)}")
        print(f"  {each.log.stem}: ended {time.monotonic() - began:.1f} s after SIGTERM", flush=True)


def _end_of(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
