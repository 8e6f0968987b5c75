from collections.abc import Callable
from pathlib import Path

import pytest

from workers.doctor.facts import Machine
from workers.doctor.gather import gather_machine

MACHINES = Path(__file__).parents[1] / "hardware" / "machines"


@pytest.fixture
def machine() -> Callable[[str], Machine]:
    """A machine recorded in tests/unit/hardware/machines; CPUID was not asked there."""
    return lambda name: gather_machine(MACHINES / name)
