"""The cache between real processes: one download, and nothing that a killed one leaves in the way."""

import threading

import pytest

from contract.errors import ModelUnavailable
from contract.settings import load_settings
from tests.support.file_server import file_server
from tests.support.model_store import DATA, DATA_BYTES, finder, register
from tests.support.wait import wait_until
from workers.store import ModelStore, directory_digest


@pytest.fixture
def root(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def server(root):
    with file_server(root, gate=threading.Event(), gated=DATA) as server:
        yield server
        server.gate.set()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def place(cache, model, part="models"):
    return cache / part / model.digest.removeprefix("sha256:")


def test_of_processes_that_want_a_model_at_once_one_fetches_it(root, server, cache):
    model, url = register(root), server.url()

    with finder(url, cache, model) as one, finder(url, cache, model) as two, finder(url, cache, model) as three:
        wait_until(lambda: len(server.asked_for("index.json")) == 3, that="all three know of the model")
        wait_until(lambda: server.asked_for(DATA), that="one fetches it")
        server.gate.set()
        found = {process.stdout.readline().strip() for process in (one, two, three)}

    assert found == {str(place(cache, model))}
    assert len(server.asked_for(DATA)) == 1
    assert directory_digest(place(cache, model)) == model.digest


def test_a_killed_download_is_continued_by_the_one_that_waits(root, server, cache):
    model, url = register(root), server.url()
    part = place(cache, model, "partial") / f"{DATA}.part"

    with finder(url, cache, model) as killed:
        wait_until(lambda: part.exists() and part.stat().st_size, that="a part of the data is there")
        with finder(url, cache, model) as waiting:
            wait_until(lambda: len(server.asked_for("index.json")) == 2, that="another process wants the model too")
            killed.kill()
            killed.wait()
            server.gate.set()
            assert waiting.stdout.readline().strip() == str(place(cache, model))

    first, second = server.asked_for(DATA)
    assert first == ""
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 0
    assert list((cache / "partial").iterdir()) == []
    assert directory_digest(place(cache, model)) == model.digest


def test_a_model_that_another_process_uses_stays_until_that_ends(root, server, cache):
    used, wanted = register(root), register(root, "cracks", seed=2)
    settings = load_settings(model_store=server.url(), model_cache=cache, model_cache_bytes=DATA_BYTES + 100_000)

    server.gate.set()
    with finder(server.url(), cache, used) as user:
        assert user.stdout.readline()
        with pytest.raises(ModelUnavailable, match="are in use"):
            ModelStore(settings).find("cracks@1", wanted.digest)
        user.kill()
        user.wait()

    ModelStore(settings).find("cracks@1", wanted.digest)

    assert list((cache / "models").iterdir()) == [place(cache, wanted)]


def test_a_model_under_way_in_another_process_counts_for_the_bound(root, server, cache):
    one, two = register(root), register(root, "cracks", seed=2)
    settings = load_settings(model_store=server.url(), model_cache=cache, model_cache_bytes=DATA_BYTES + 100_000)

    with finder(server.url(), cache, one) as first:
        wait_until(lambda: server.asked_for(DATA), that="the first is being fetched")
        with pytest.raises(ModelUnavailable, match="are in use"):
            ModelStore(settings).find("cracks@1", two.digest)
        server.gate.set()
        assert first.stdout.readline().strip() == str(place(cache, one))
