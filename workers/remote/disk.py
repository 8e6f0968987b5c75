"""Whether something fits onto a disk, asked before it is written."""

import shutil
from pathlib import Path
from typing import Final

from contract.memory import MIB

#: Left free beyond what is written: directories and metadata take room too.
SPARE_BYTES: Final = 16 * MIB


def lack_of_space(directory: Path, needed_bytes: int) -> str | None:
    """What is wrong when `needed_bytes` do not fit into `directory`, which exists; None if they do."""
    free_bytes = shutil.disk_usage(directory).free
    if needed_bytes + SPARE_BYTES <= free_bytes:
        return None
    return f"needs {needed_bytes} bytes in {directory}, where {free_bytes} are free"
