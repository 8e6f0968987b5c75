from collections.abc import Callable
from pathlib import Path

import pytest

from workers.hardware.files import MachineFiles, read_recorded


@pytest.fixture
def machine() -> Callable[[str], MachineFiles]:
    """A machine recorded in machines/<name>/; its machine.toml says what it is."""
    return lambda name: read_recorded(Path(__file__).parent / "machines" / name)
