"""The model store as workers and commands use it, wherever it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from contract.errors import ModelBroken, ModelStoreError
from contract.model_spec import ModelSpec
from contract.settings import Settings
from workers.store.cache import ModelCache, default_cache
from workers.store.digest import directory_digest
from workers.store.export import export_model
from workers.store.local import LocalShelf
from workers.store.remote import RemoteShelf, open_catalogue

#: The models that come with Vedette.
BUNDLED: Final = Path(__file__).parent.parent / "bundled"


class Shelf(Protocol):
    def specs(self) -> Iterator[ModelSpec]: ...

    def spec(self, ref: str, digest: str | None = None) -> ModelSpec: ...

    def find(self, ref: str, digest: str) -> tuple[ModelSpec, Path]: ...

    def release(self, digest: str) -> None: ...

    def add(self, staging: Path, spec: ModelSpec) -> None: ...

    def remove(self, ref: str) -> None: ...

    def rewrite(self, spec: ModelSpec) -> None: ...

    def reindex(self) -> None: ...


class ModelStore:
    def __init__(self, settings: Settings) -> None:
        """Touches neither disk nor network. SettingsError if the store's protocol needs a package that is missing."""
        #: A directory, or a URL.
        self.root: Path | str = settings.model_store or BUNDLED
        self._shelf: Shelf
        if isinstance(self.root, Path):
            self._shelf = LocalShelf(self.root)
        else:
            cache = ModelCache(settings.model_cache or default_cache(), settings.model_cache_bytes)
            self._shelf = RemoteShelf(open_catalogue(self.root), cache)

    def specs(self) -> Iterator[ModelSpec]:
        """Every readable model, by name and version. A broken one is named in the log and left out.

        ModelUnavailable when the store is elsewhere and does not answer.
        """
        return self._shelf.specs()

    def spec(self, ref: str, digest: str | None = None) -> ModelSpec:
        """What the store says of `name@version`; ModelBroken when it has none, or says that it is not of `digest`.

        Nothing is fetched or verified: that is for `find`.
        """
        return self._shelf.spec(ref, digest)

    def find(self, ref: str, digest: str) -> tuple[ModelSpec, Path]:
        """The model `name@version` and where its files are on this machine, verified to be those of `digest`.

        ModelBroken if there is no such model; ModelUnavailable, a kind of it, if it can't be fetched now. A model that
        was fetched stays until this process ends or calls `release`.
        """
        return self._shelf.find(ref, digest)

    def release(self, digest: str) -> None:
        """Nobody in this process needs the files of `digest` any more: the cache may drop them."""
        self._shelf.release(digest)

    def register(self, staging: Path, spec: ModelSpec) -> ModelSpec:
        """Puts the model in the directory `staging`, which stays, into the store, whole or not at all.

        Returns the spec as it was written, with the digest of the files. ModelExists if there is this version already.
        """
        self.check_writable()
        spec = spec.model_copy(update={"digest": _digest(staging)})
        self._shelf.add(staging, spec)
        return spec

    def remove(self, ref: str) -> None:
        """Takes `name@version` out of the store. Whether someone uses it is for the caller to know."""
        self.check_writable()
        self._shelf.remove(ref)

    def rewrite(self, spec: ModelSpec) -> None:
        """Replaces what model.toml says of a model that is there; its files and digest stay. Only in a directory."""
        self.check_writable()
        self._shelf.rewrite(spec)

    def reindex(self) -> None:
        """Writes index.json anew, after models were copied, edited or deleted by hand. Only a directory has one."""
        self.check_writable()
        self._shelf.reindex()

    def export(self, ref: str, target: Path) -> None:
        """A copy of `name@version`, model.toml included, as the new directory `target`, or as a .tar.gz file."""
        spec = self.spec(ref)
        _, directory = self.find(ref, spec.digest)
        try:
            export_model(directory, spec, target)
        finally:
            self.release(spec.digest)

    def check_writable(self) -> None:
        if self.root == BUNDLED:
            raise ModelStoreError(
                "the bundled models are part of the installation; name a store of your own in VEDETTE_MODEL_STORE"
            )


def _digest(staging: Path) -> str:
    if not (staging / "saved_model.pb").is_file():
        raise ModelBroken(f"{staging}: has no saved_model.pb")
    return directory_digest(staging)
