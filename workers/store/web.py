"""A store behind http(s): read by the `index.json` at its root, written where the server has its files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from contract.errors import ModelStoreError, ModelUnavailable
from contract.model_spec import ModelSpec
from contract.urls import shown_address
from workers.remote.http import DownloadLimits, NotThere, download
from workers.store.index import INDEX_NAME, Holding, parse_index
from workers.store.local import not_there

#: The index is asked for before each model is loaded; where it does not come, the cache may do.
_INDEX_LIMITS: Final = DownloadLimits(
    bytes_max=64 * 1024**2, connect_timeout_s=5, read_timeout_s=20, tries=2, backoff_s=0.5
)


class WebCatalogue:
    def __init__(self, url: str) -> None:
        self._url = url
        self.shown = shown_address(url)

    def specs(self) -> Iterator[ModelSpec]:
        for _, holding in sorted(self._holdings().items()):
            yield holding.spec

    def holding(self, ref: str) -> Holding:
        holdings = self._holdings()
        if ref not in holdings:
            raise not_there(ref, self.shown)
        return holdings[ref]

    def fetch(self, spec: ModelSpec, name: str, target: Path) -> None:
        download(f"{self._url}/{spec.name}/{spec.version}/{quote(name)}", target)

    def add(self, _staging: Path, _spec: ModelSpec) -> None:
        raise self._read_only()

    def remove(self, _spec: ModelSpec) -> None:
        raise self._read_only()

    def _holdings(self) -> dict[str, Holding]:
        with tempfile.TemporaryDirectory(prefix="vedette-") as work:
            index = Path(work) / INDEX_NAME
            try:
                download(f"{self._url}/{INDEX_NAME}", index, limits=_INDEX_LIMITS)
            except NotThere:
                raise ModelUnavailable(
                    f"{self.shown} has no {INDEX_NAME}, and a web server lists no models; serve a directory "
                    "that Vedette has put them into"
                ) from None
            return parse_index(index.read_bytes(), f"{self.shown}/{INDEX_NAME}")

    def _read_only(self) -> ModelStoreError:
        return ModelStoreError(
            f"{self.shown} can only be read: over http nothing is written. "
            "Set VEDETTE_MODEL_STORE to the directory that the server serves"
        )
