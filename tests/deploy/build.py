"""Carries out the Dockerfile without an engine: each stage a layer, each RUN in a chroot, on a Debian of debootstrap's.

The stand-in for python:3.11-slim-bookworm is Debian 12 itself with its Python 3.11, as a virtual environment in
/usr/local, where the official image has its Python too. What is not stood in for is this project's: every other line.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from tests.deploy.layers import Image, bind, root_of, within
from tests.deploy.registry import pass_through
from tests.support.compose import ROOT
from tests.support.dockerfile import Stage, Step, stages

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGES: Final = "python3,python3-venv,ca-certificates"


def build(work: Path) -> dict[str, Image]:
    """Every stage by name, `redis`, the stand-in for the image of that name, included. Debian is made once."""
    debian = _debian(work)
    base = Image((debian,), {"PATH": PATH, "PYTHON_VERSION": "3.11"})
    images: dict[str, Image] = {}
    for stage in stages().values():
        if stage.base not in images:
            assert stage.base.startswith("python:3.11."), f"{stage.base}: no stand-in for it here"
        began = time.monotonic()
        images[stage.name] = _stage(stage, images.get(stage.base, base), images, work)
        _say(f"stage {stage.name}: {time.monotonic() - began:.0f} s, {_megabytes(work / f'layer-{stage.name}')} MB")
    images["redis"] = _redis(base, work)
    return images


def _redis(base: Image, work: Path) -> Image:
    """Debian's redis-server and what it is linked with, out of this machine."""
    layer = work / "layer-redis"
    shutil.rmtree(layer, ignore_errors=True)
    (layer / "data").mkdir(parents=True)
    shutil.chown(layer / "data", 999, 999)
    for program in ("redis-server", "redis-cli"):
        executable = Path(str(shutil.which(program))).resolve()
        linked = subprocess.run(["ldd", str(executable)], capture_output=True, text=True, check=True).stdout
        for named in [str(executable), *re.findall(r"(/\S+) \(0x", linked)]:
            file = str(Path(named).parent.resolve() / Path(named).name)  # /lib is a link, and stays one
            place = layer / file.lstrip("/")
            if not (work / "debian" / file.lstrip("/")).exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
        if executable.name != program:  # redis-server is a link to redis-check-rdb on Debian
            (layer / "usr/bin").mkdir(parents=True, exist_ok=True)
            (layer / "usr/bin" / program).symlink_to(executable.name)
    return Image((*base.layers, layer), base.environment, user="999:999", workdir="/data")


def _debian(work: Path) -> Path:
    target = work / "debian"
    if (target / "usr/local/bin/pip").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    began = time.monotonic()
    _run(["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(target), *_mirror()], "debian")
    _run(["chroot", str(target), "python3", "-m", "venv", "--copies", "/usr/local"], "venv")
    shutil.rmtree(target / "var/cache/apt", ignore_errors=True)
    _say(f"Debian 12, in place of python:3.11-slim-bookworm: {time.monotonic() - began:.0f} s")
    return target


def _mirror() -> list[str]:
    """Where this machine's own Debian comes from; debootstrap knows one when it is told none."""
    for file in [*Path("/etc/apt").glob("sources.list.d/*.sources"), Path("/etc/apt/sources.list")]:
        for line in file.read_text().splitlines() if file.exists() else ():
            words = line.split()
            if words and (words[0] == "URIs:" or (words[0] == "deb" and "bookworm" in words)):
                return [next(word for word in words if "://" in word)]
    return []


def _stage(stage: Stage, base: Image, images: Mapping[str, Image], work: Path) -> Image:
    layer = work / f"layer-{stage.name}"
    shutil.rmtree(layer, ignore_errors=True)
    image = replace(base, layers=(*base.layers, layer))
    with root_of(base.layers, layer, work / "mounts") as root:
        for step in stage.steps:
            image = _step(step, image, root, images, work)
    return image


def _step(step: Step, image: Image, root: Path, images: Mapping[str, Image], work: Path) -> Image:
    match step.word:
        case "ENV":
            return replace(image, environment={**image.environment, **step.variables})
        case "WORKDIR":
            within(root, step.rest).mkdir(parents=True, exist_ok=True)
            return replace(image, workdir=step.rest)
        case "USER":
            return replace(image, user=step.rest)
        case "ENTRYPOINT":
            return replace(image, entrypoint=step.argv)
        case "CMD":
            return replace(image, command=step.argv)
        case "COPY":
            _copy(step, root)
        case "RUN":
            _run_step(step, image, root, images, work)
    return image


def _copy(step: Step, root: Path) -> None:
    """From the build context, which `.dockerignore` makes small: what it keeps out cannot be copied."""
    assert not step.flags, f"line {step.line}: COPY with {step.flags} is not known here"
    *sources, target = step.rest.split()
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert source in kept, f"line {step.line}: {source} is not in the build context: see .dockerignore"
        place = within(root, target) / source if target.endswith("/") else within(root, target)
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)


def _run_step(step: Step, image: Image, root: Path, images: Mapping[str, Image], work: Path) -> None:
    mounted = []
    for given in step.mounts:
        target = within(root, given["target"])
        made = not target.exists()
        bind(_mount_source(given, images, work), target, read_only=given["type"] == "bind")
        mounted.append((target, made))
    variables, needed = pass_through()
    for path in needed:
        target = within(root, str(path))
        made = not target.exists()
        bind(path, target, read_only=True)
        mounted.append((target, made))
    owner, _, group = image.user.partition(":")
    command = ["chroot", f"--userspec={owner}:{group or owner}", str(root), "/usr/bin/env", "-i", "-C", image.workdir]
    environment = {**image.environment, **variables, "HOME": "/root"}
    try:
        _run([*command, *(f"{k}={v}" for k, v in environment.items()), *step.argv], f"Dockerfile, line {step.line}")
    finally:
        for target, made in reversed(mounted):
            subprocess.run(["umount", "--lazy", str(target)], check=True)
            if made:  # a mount point is no part of the image
                target.rmdir() if target.is_dir() else target.unlink()


def _mount_source(given: Mapping[str, str], images: Mapping[str, Image], work: Path) -> Path:
    if given["type"] == "cache":
        cache = work / "cache" / given["target"].strip("/").replace("/", "-")
        cache.mkdir(parents=True, exist_ok=True)
        return cache
    assert given["type"] == "bind", f"--mount=type={given['type']} is not known here"
    if "from" not in given:
        return ROOT / given["source"]
    # A stage's own layer has what it made; what it inherited is of no use to another one.
    return within(images[given["from"]].layers[-1], given["source"])


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-30:]), file=sys.stderr)
        raise SystemExit(f"{what} failed with exit code {done.returncode}")


def _megabytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink()) >> 20


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def save_images(images: Mapping[str, Image], work: Path) -> None:
    """For the other phase, which is another process."""
    told = {name: {**asdict(image), "layers": list(map(str, image.layers))} for name, image in images.items()}
    (work / "images.json").write_text(json.dumps(told, indent=1))


def load_images(work: Path) -> dict[str, Image]:
    told = json.loads((work / "images.json").read_text())
    return {name: Image(**{**fields, "layers": tuple(map(Path, fields["layers"]))}) for name, fields in told.items()}
