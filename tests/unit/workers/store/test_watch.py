"""A worker's main process looks into the store without waiting for it."""

import logging
import threading

import pytest

from contract.settings import load_settings
from tests.support.file_server import file_server
from tests.support.model_store import register
from tests.support.wait import wait_until
from workers.store.watch import StoreWatch


@pytest.fixture
def root(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def server(root, monkeypatch):
    with file_server(root) as server:
        monkeypatch.setenv("VEDETTE_MODEL_STORE", server.url())
        yield server


def test_a_directory_is_read_at_once_and_told_once(root):
    written = register(root)
    watch = StoreWatch(load_settings(model_store=root))
    assert watch.found() == []

    watch.look()

    assert watch.found() == [written]
    assert watch.found() == []


@pytest.mark.usefixtures("server")
def test_a_store_elsewhere_is_read_by_a_child(root):
    written = register(root)
    threads = threading.active_count()
    watch = StoreWatch(load_settings())

    watch.look()
    watch.look()  # one at a time
    assert wait_until(watch.found, 30) == [written]

    assert watch.found() == []
    watch.look()
    assert wait_until(watch.found, 30) == [written]
    assert threading.active_count() <= threads + 1  # the server's


def test_a_store_that_is_away_is_noted_once(server, root, caplog):
    caplog.set_level(logging.WARNING)
    server.statuses = [404, 404]
    watch = StoreWatch(load_settings())

    for _ in range(2):
        watch.look()
        wait_until(lambda: watch.found() == [] and watch._child is None, 30)

    noted = [record.getMessage() for record in caplog.records]
    assert len(noted) == 1
    assert noted[0].startswith("the model store cannot be read: http://127.0.0.1")
    assert "has no index.json" in noted[0]

    register(root)
    watch.look()
    assert wait_until(watch.found, 30)


def test_a_look_under_way_ends_with_the_worker(server, root):
    register(root)
    server.gate = threading.Event()
    watch = StoreWatch(load_settings())
    watch.look()
    wait_until(lambda: server.asked_for("index.json"), 30)

    watch.stop()

    assert watch.found() == []
    server.gate.set()
