"""A SavedModel's directory on a web server, which can't be listed: the files that one has are asked for by name.

Files in assets/ have names of the model's own and can't be asked for; detectors have none.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from contract.errors import ModelSourceError
from contract.urls import shown_address
from workers.remote.http import DownloadLimits, NotThere, Progress, download
from workers.sources.variables import shard_ends

_OPTIONAL: Final = ("fingerprint.pb", "keras_metadata.pb", "metadata.yaml", "pipeline.config", "label_map.pbtxt")
_INDEX: Final = "variables/variables.index"


def fetch(url: str, into: Path, progress: Progress, limits: DownloadLimits) -> None:
    """The model at `url`, which ends with a slash, into the directory `into`."""

    def get(name: str) -> bool:
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            download(urljoin(url, name), target, progress, limits)
        except NotThere:
            return False
        return True

    if not get("saved_model.pb"):
        raise ModelSourceError(
            f"{shown_address(url)}: has no saved_model.pb; a web server lists no directories: "
            "name the directory of the SavedModel itself, or an archive"
        )
    if get(_INDEX):
        for name in _shards(into / _INDEX, url):
            if not get(name):
                raise ModelSourceError(f"{shown_address(url)}: {name} is missing, which variables.index refers to")
    else:
        (into / "variables").rmdir()
    for name in _OPTIONAL:
        get(name)


def _shards(index: Path, url: str) -> list[str]:
    try:
        count = len(shard_ends(index.read_bytes()))
    except (ValueError, IndexError):
        raise ModelSourceError(f"{shown_address(url)}: {_INDEX} is damaged or cut off") from None
    return [f"variables/variables.data-{number:05}-of-{count:05}" for number in range(count)]
