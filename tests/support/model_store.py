"""Models that nobody loads, and stores of them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.model_spec import ModelSpec
from contract.settings import load_settings
from tests.support.builders import spec
from tests.support.saved_model_files import put_files
from workers.store import ModelStore

DATA = "variables/variables.data-00000-of-00001"
#: Half of it is more than a download writes at once.
DATA_BYTES = 1_200_000


def staged(directory: Path, seed: int = 1, data_bytes: int = DATA_BYTES) -> Path:
    """A directory as `fetch_source` makes it; another seed, another digest."""
    data = bytes([seed]) * data_bytes
    return put_files(directory, {"saved_model.pb": b"graph", "variables/variables.index": b"index", DATA: data})


def register(root: Path | str, name: str = "plates", version: str = "1", seed: int = 1) -> ModelSpec:
    with tempfile.TemporaryDirectory() as work:
        staging = staged(Path(work) / "staging", seed)
        return ModelStore(load_settings(model_store=root)).register(staging, spec(name, version))


_FIND = """
import sys
from contract.settings import load_settings
from workers.store import ModelStore

_, directory = ModelStore(load_settings()).find(*sys.argv[1:])
print(directory, flush=True)
sys.stdin.read()
"""


@contextmanager
def finder(store: str, cache: Path, model: ModelSpec, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that finds `model`, prints where, and uses it until its stdin is closed or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _FIND, model.ref, model.digest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "VEDETTE_MODEL_STORE": store, "VEDETTE_MODEL_CACHE": str(cache), **variables},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def index_of(root: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((root / "index.json").read_text())  # type: ignore[no-any-return]
