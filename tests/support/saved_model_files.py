"""Files of a SavedModel that nobody loads: enough for stores and sources, which look at names and sizes."""

import random
from functools import cache
from pathlib import Path

from workers.store import BUNDLED

_BUNDLED: Path = BUNDLED / "defects-small" / "1"

#: A graph that has variables, as its op says.
GRAPH = b"\x08\x01\x12\x10 VarHandleOp "
#: The index of a real model, and as many bytes of data as it speaks of.
INDEX = (_BUNDLED / "variables" / "variables.index").read_bytes()
DATA_BYTES = (_BUNDLED / "variables" / "variables.data-00000-of-00001").stat().st_size
DATA = "variables/variables.data-00000-of-00001"


def saved_model_files(below: str = "") -> dict[str, bytes]:
    """A whole SavedModel by file name, below a directory such as `zoo/saved_model/`."""
    files = {"saved_model.pb": GRAPH, "variables/variables.index": INDEX, DATA: _data()}
    return {below + name: content for name, content in files.items()}


@cache
def _data() -> bytes:
    """Does not shrink when packed, as weights don't."""
    return random.Random(7).randbytes(DATA_BYTES)


def put_files(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root
