"""A model out of the store: a directory or a .tar.gz that `fetch_source`, and TensorFlow Serving, take."""

import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from contract.errors import ModelStoreError
from contract.model_spec import ModelSpec
from workers.remote.disk import lack_of_space

_ARCHIVES: Final = (".tar.gz", ".tgz")


def export_model(directory: Path, spec: ModelSpec, target: Path) -> None:
    """`directory` as `target`, whole or not at all; an archive has `<name>/<version>/` in it."""
    try:
        if target.exists():
            raise ModelStoreError(f"{target}: is there already")
        target.parent.mkdir(parents=True, exist_ok=True)
        size_bytes = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        if lack := lack_of_space(target.parent, size_bytes):
            raise ModelStoreError(f"{spec.ref}: {lack}")
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work:
            copy = Path(work) / spec.name / spec.version
            shutil.copytree(directory, copy)
            if target.name.endswith(_ARCHIVES):
                packed = Path(work) / "packed"
                with tarfile.open(packed, "w:gz") as archive:
                    archive.add(copy, arcname=f"{spec.name}/{spec.version}")
                packed.rename(target)
            else:
                copy.rename(target)
    except OSError as error:
        raise ModelStoreError(f"{target}: cannot be written: {error.strerror or error}") from None
