"""The model store: `<name>/<version>/{saved_model.pb, variables/, assets/, model.toml}`, in a directory or at a URL.

    ModelStore           what workers and commands use
    ├── LocalShelf       a directory: models are used where they lie          `local`, written by `publish`
    └── RemoteShelf      a URL: models are fetched by digest into a cache     `remote`
        ├── Catalogue    what is there: `web` (http, by index.json), `bucket` (fsspec, by listing)
        └── ModelCache   what is here, shared by all processes of a machine   `cache`, `locks`

`watch` looks into the store for a worker's main process, which must neither wait for a network nor have threads.
"""

from workers.store.digest import directory_digest
from workers.store.store import BUNDLED, ModelStore

__all__ = ["BUNDLED", "ModelStore", "directory_digest"]
