"""A store that is a directory: models are used where they lie."""

from collections.abc import Iterator
from pathlib import Path

from celery.utils.log import get_logger

from contract.errors import ModelBroken
from contract.model_spec import FILE_NAME, ModelSpec, read_spec
from workers.store import publish
from workers.store.digest import directory_digest

logger = get_logger(__name__)


class LocalShelf:
    def __init__(self, root: Path) -> None:
        self._root = root

    def specs(self) -> Iterator[ModelSpec]:
        for path in sorted(self._root.glob(f"*/*/{FILE_NAME}")):
            try:
                spec = read_spec(path)
            except ModelBroken as error:
                logger.warning("model left out: %s", error)
                continue
            if (spec.name, spec.version) == (path.parent.parent.name, path.parent.name):
                yield spec
            else:
                logger.warning("model left out: %s says it is %s, its place says otherwise", path, spec.ref)

    def spec(self, ref: str, digest: str | None = None) -> ModelSpec:
        spec, directory = self._at(ref)
        return of_digest(spec, digest, str(directory))

    def find(self, ref: str, digest: str) -> tuple[ModelSpec, Path]:
        spec, directory = self._at(ref)
        found = directory_digest(directory)
        if found != digest:
            raise _other_files(ref, str(directory), found, digest)
        return spec, directory

    def release(self, digest: str) -> None:
        """Nothing was fetched, nothing is held."""

    def add(self, staging: Path, spec: ModelSpec) -> None:
        publish.add(self._root, staging, spec, self.specs)

    def remove(self, ref: str) -> None:
        publish.remove(self._root, self._at(ref)[1], self.specs)

    def rewrite(self, spec: ModelSpec) -> None:
        publish.rewrite(self._root, self._at(spec.ref)[1], spec, self.specs)

    def reindex(self) -> None:
        publish.reindex(self._root, self.specs)

    def _at(self, ref: str) -> tuple[ModelSpec, Path]:
        name, _, version = ref.partition("@")
        directory = self._root / name / version
        if not (directory / FILE_NAME).is_file():
            raise not_there(ref, str(self._root))
        spec = read_spec(directory / FILE_NAME)
        if spec.ref != ref:  # also a reference that leads out of the store: no spec has such a name
            raise ModelBroken(f"{ref}: {directory / FILE_NAME} says it is {spec.ref}")
        return spec, directory


def not_there(ref: str, shown: str) -> ModelBroken:
    return ModelBroken(f"{ref} is not in this worker's model store ({shown})")


def of_digest(spec: ModelSpec, digest: str | None, shown: str) -> ModelSpec:
    """`spec`, if it says of itself that it is `digest`; ModelBroken otherwise."""
    if digest is not None and spec.digest != digest:
        raise _other_files(spec.ref, shown, spec.digest, digest)
    return spec


def _other_files(ref: str, shown: str, found: str, expected: str) -> ModelBroken:
    return ModelBroken(
        f"{ref}: the files in {shown} are not the ones that the job was submitted for "
        f"(digest {found[:19]}…, expected {expected[:19]}…)"
    )
