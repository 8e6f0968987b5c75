"""Archives, honest and not."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path


def tar(path: Path, files: dict[str, bytes], extra: Iterable[tarfile.TarInfo] = (), mode: str = "w:gz") -> Path:
    """Packs `files`; `extra` are headers without content: links, devices, or sizes that are lies."""
    how = {"compresslevel": 1} if mode.endswith("gz") else {}
    with tarfile.open(path, mode, **how) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in extra:
            archive.addfile(member)
    return path


def member(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def cut(path: Path, bytes_left: int) -> Path:
    """The first `bytes_left` bytes, or all but so many if negative."""
    path.write_bytes(path.read_bytes()[:bytes_left])
    return path
