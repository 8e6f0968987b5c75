"""The model store as a worker sees it: a directory `<name>/<version>/{saved_model.pb, variables/, model.toml}`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from celery.utils.log import get_logger

from contract.errors import ModelBroken
from contract.model_spec import FILE_NAME, ModelSpec, read_spec
from contract.settings import Settings

logger = get_logger(__name__)

#: The models that come with Vedette.
BUNDLED: Final = Path(__file__).parent / "bundled"


class ModelStore:
    def __init__(self, settings: Settings) -> None:
        self.root: Path = settings.model_store or BUNDLED

    def specs(self) -> Iterator[ModelSpec]:
        """Every readable model, by name and version. A broken one is named in the log and left out."""
        for path in sorted(self.root.glob(f"*/*/{FILE_NAME}")):
            try:
                spec = read_spec(path)
            except ModelBroken as error:
                logger.warning("model left out: %s", error)
                continue
            if (spec.name, spec.version) == (path.parent.parent.name, path.parent.name):
                yield spec
            else:
                logger.warning("model left out: %s says it is %s, its place says otherwise", path, spec.ref)

    def find(self, ref: str, digest: str) -> tuple[ModelSpec, Path]:
        """The model `name@version` and where its files are, verified to be those of `digest`; else ModelBroken."""
        name, _, version = ref.partition("@")
        directory = self.root / name / version
        if not (directory / FILE_NAME).is_file():
            raise ModelBroken(f"{ref} is not in this worker's model store ({self.root})")
        spec = read_spec(directory / FILE_NAME)
        if spec.ref != ref:  # also a reference that leads out of the store: no spec has such a name
            raise ModelBroken(f"{ref}: {directory / FILE_NAME} says it is {spec.ref}")
        found = directory_digest(directory)
        if found != digest:
            raise ModelBroken(
                f"{ref}: the files in {directory} are not the ones that the job was submitted for "
                f"(digest {found[:19]}…, expected {digest[:19]}…)"
            )
        return spec, directory


def directory_digest(directory: Path) -> str:
    """`sha256:…` over the relative path and content of every file in `directory` but `model.toml`."""
    whole = hashlib.sha256()
    files = (path for path in directory.rglob("*") if path.is_file() and path != directory / FILE_NAME)
    for path in sorted(files, key=lambda path: path.relative_to(directory).as_posix()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(directory).as_posix()}\0{content}\n".encode())
    return f"sha256:{whole.hexdigest()}"
