"""A store behind s3, gs or whatever else fsspec knows: read by listing, and written.

`model.toml` is put last and taken first: without it there is no model.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from celery.utils.log import get_logger

from contract.errors import ModelBroken, ModelExists, ModelSourceError, ModelStoreError
from contract.model_spec import FILE_NAME, ModelSpec, parse_spec
from contract.urls import shown_address
from workers.remote.http import NotThere
from workers.remote.names import safe_name
from workers.remote.objects import Objects, check_protocol
from workers.store.index import Holding
from workers.store.local import not_there
from workers.store.spec_text import spec_toml

logger = get_logger(__name__)


class BucketCatalogue:
    def __init__(self, url: str) -> None:
        check_protocol(url)
        self._url = url
        self.shown = shown_address(url)

    def specs(self) -> Iterator[ModelSpec]:
        for name in self._objects.find(f"*/*/{FILE_NAME}"):
            place = name.removesuffix(f"/{FILE_NAME}").replace("/", "@")
            try:
                spec = parse_spec(self._objects.read(name), f"{self.shown}/{name}")
            except (ModelBroken, NotThere) as error:  # or removed just now
                logger.warning("model left out: %s", error)
                continue
            if spec.ref == place:
                yield spec
            else:
                logger.warning("model left out: %s/%s says it is %s", self.shown, name, spec.ref)

    def holding(self, ref: str) -> Holding:
        name, _, version = ref.partition("@")
        place = f"{name}/{version}/{FILE_NAME}"
        try:
            content = self._objects.read(safe_name(place))
            found = self._objects.files(f"{name}/{version}")
        except (NotThere, ValueError):
            raise not_there(ref, self.shown) from None
        spec = parse_spec(content, f"{self.shown}/{place}")
        if spec.ref != ref:
            raise ModelBroken(f"{ref}: {self.shown}/{place} says it is {spec.ref}")
        try:
            files = {safe_name(file): size for file, size in found.items() if file != FILE_NAME}
        except ValueError as flaw:
            raise ModelBroken(f"{ref}: {self.shown} has a file that is refused: {flaw}") from None
        return Holding(spec, files, {})

    def fetch(self, spec: ModelSpec, name: str, target: Path) -> None:
        self._objects.fetch(f"{spec.name}/{spec.version}/{name}", target)

    def add(self, staging: Path, spec: ModelSpec) -> None:
        """Two that add one version at once leave one of them, or a mixture, which its digest gives away."""
        place = f"{spec.name}/{spec.version}"
        try:
            if self._objects.exists(f"{place}/{FILE_NAME}"):
                raise ModelExists(f"{spec.ref} is in the model store already ({self.shown}); add another version")
            self._clear(place)  # what an upload that was killed has left
            try:
                for path in sorted(path for path in staging.rglob("*") if path.is_file()):
                    name = path.relative_to(staging).as_posix()
                    if name != FILE_NAME:
                        self._objects.put(path, f"{place}/{name}")
                self._objects.write(f"{place}/{FILE_NAME}", spec_toml(spec).encode())
            except BaseException:
                self._clear(place)
                raise
        except ModelSourceError as error:
            raise ModelStoreError(f"the model store cannot be written: {error}") from None

    def remove(self, spec: ModelSpec) -> None:
        place = f"{spec.name}/{spec.version}"
        try:
            self._objects.remove(f"{place}/{FILE_NAME}")
            self._clear(place)
        except ModelSourceError as error:
            raise ModelStoreError(f"the model store cannot be written: {error}") from None

    def _clear(self, place: str) -> None:
        try:
            self._objects.remove(place, recursive=True)
        except NotThere:
            return

    @cached_property
    def _objects(self) -> Objects:
        """Not before it is needed: it may start a thread, and the worker's main process must not have one."""
        return Objects(self._url)
