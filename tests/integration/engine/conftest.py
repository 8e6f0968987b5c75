"""Every exporter's model, written once."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Callable[[str], Path]:
    """Directory of the model of a named exporter of `tests.support.exporters`."""
    from tests.support.exporters import exporters

    written: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in written:
            written[name] = tmp_path_factory.mktemp(name)
            exporters()[name].build(written[name])
        return written[name]

    return write
