"""A store that is elsewhere: models are fetched by digest into this machine's cache and used there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from celery.utils.log import get_logger

from contract.errors import ModelSourceError, ModelStoreError, ModelUnavailable
from contract.model_spec import ModelSpec
from workers.store.bucket import BucketCatalogue
from workers.store.cache import ModelCache
from workers.store.index import Holding
from workers.store.local import of_digest
from workers.store.web import WebCatalogue

logger = get_logger(__name__)


class Catalogue(Protocol):
    """What a store elsewhere has. Raises ModelSourceError when it does not answer, ModelBroken for no such model."""

    shown: str

    def specs(self) -> Iterator[ModelSpec]: ...

    def holding(self, ref: str) -> Holding: ...

    def fetch(self, spec: ModelSpec, name: str, target: Path) -> None: ...

    def add(self, staging: Path, spec: ModelSpec) -> None: ...

    def remove(self, spec: ModelSpec) -> None: ...


def open_catalogue(url: str) -> Catalogue:
    return WebCatalogue(url) if url.startswith(("http://", "https://")) else BucketCatalogue(url)


class RemoteShelf:
    def __init__(self, catalogue: Catalogue, cache: ModelCache) -> None:
        self._catalogue = catalogue
        self._cache = cache

    def specs(self) -> Iterator[ModelSpec]:
        with _unavailable(self._catalogue.shown):
            yield from self._catalogue.specs()

    def spec(self, ref: str, digest: str | None = None) -> ModelSpec:
        """The store's word counts; while it does not answer, that of the cache for `digest`."""
        try:
            spec = self._holding(ref).spec
        except ModelUnavailable:
            cached = self._cache.spec(digest) if digest else None
            if cached is None or cached.ref != ref:
                raise
            spec = cached
        return of_digest(spec, digest, self._catalogue.shown)

    def find(self, ref: str, digest: str) -> tuple[ModelSpec, Path]:
        try:
            holding = self._holding(ref)
        except ModelUnavailable as error:
            spec, cached = self._cache.spec(digest), self._cache.lookup(digest)
            if spec is None or spec.ref != ref or cached is None:
                raise
            logger.warning("%s is taken from the cache: %s", ref, error)
            return spec, cached
        of_digest(holding.spec, digest, self._catalogue.shown)
        with _unavailable(ref):
            return holding.spec, self._cache.lookup(digest) or self._cache.obtain(holding, self._catalogue.fetch)

    def release(self, digest: str) -> None:
        self._cache.release(digest)

    def add(self, staging: Path, spec: ModelSpec) -> None:
        self._catalogue.add(staging, spec)

    def remove(self, ref: str) -> None:
        self._catalogue.remove(self._holding(ref).spec)

    def rewrite(self, spec: ModelSpec) -> None:
        raise ModelStoreError(
            f"{self._catalogue.shown}: model.toml of {spec.ref} is rewritten in a directory only; "
            "export the model, or measure it with --dry-run"
        )

    def reindex(self) -> None:
        raise ModelStoreError(f"{self._catalogue.shown}: an index is written into a directory only")

    def _holding(self, ref: str) -> Holding:
        with _unavailable(ref):
            return self._catalogue.holding(ref)


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    """What goes wrong on the way is no fault of the model."""
    try:
        yield
    except ModelSourceError as error:
        raise ModelUnavailable(f"{what}: cannot be had from the model store now: {error}") from None
    except OSError as error:
        raise ModelUnavailable(f"{what}: the model cache cannot be used: {error.strerror}: {error.filename}") from None
