"""What identifies a model: a digest over the names and the content of its files."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from contract.model_spec import FILE_NAME


def directory_digest(directory: Path) -> str:
    """`sha256:…` over the relative path and content of every file in `directory` but `model.toml`."""
    return digest_of(file_digests(directory))


def digest_of(files: Mapping[str, str]) -> str:
    """The same, of the files' names and the SHA-256 of each in hexadecimal."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{files[name]}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def file_digests(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*") if path.is_file() and path != directory / FILE_NAME)
    return {path.relative_to(directory).as_posix(): file_digest(path) for path in files}


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
