"""Roots made of layers with overlayfs, as an engine makes them, in a mount namespace that ends with this process."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")


@dataclass(frozen=True)
class Image:
    """What a stage of the Dockerfile leaves behind."""

    #: The lowest first.
    layers: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"mount {' '.join(map(str, words))}: {done.stderr.strip()}")


@contextmanager
def root_of(layers: Sequence[Path], top: Path, scratch: Path) -> Iterator[Path]:
    """A root with the `layers`; what is written goes to `top`. /dev and /proc are there when the block begins."""
    root, work = scratch / f"{top.name}.root", scratch / f"{top.name}.work"
    for directory in (root, work, top):
        directory.mkdir(parents=True, exist_ok=True)
    lower = ":".join(str(layer) for layer in reversed(layers))
    mount("-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={top},workdir={work}", root)
    try:
        devices(root)
        mount("-t", "proc", "proc", root / "proc")
        yield root
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", str(root)], check=False)


def devices(root: Path) -> None:
    """/dev as a container has it: six devices and shared memory."""
    mount("-t", "tmpfs", "-o", "mode=755,size=64k", "tmpfs", root / "dev")
    for name in _DEVICES:
        bind(Path("/dev") / name, root / "dev" / name)
    (root / "dev/fd").symlink_to("/proc/self/fd")
    (root / "dev/shm").mkdir()
    mount("-t", "tmpfs", "-o", "mode=1777,size=64m", "shm", root / "dev/shm")


def bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", source, target)
    if read_only:
        mount("-o", "remount,bind,ro", target)


def within(root: Path, path: str) -> Path:
    """`path` of the root, as a path here."""
    return root / path.lstrip("/")


def why_not() -> str | None:
    """Why this machine cannot do it; None when it can."""
    if os.geteuid() != 0:
        return "chroot, mounts and namespaces need root"
    for program in ("debootstrap", "unshare", "nsenter", "setpriv", "redis-server"):
        if subprocess.run(["which", program], capture_output=True).returncode:
            return f"{program} is not installed"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "the kernel has no overlayfs"
    return None
