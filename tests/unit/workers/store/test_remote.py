"""Stores at a URL: a real web server, and fsspec's file system in memory."""

import json
import logging

import fsspec
import pytest

from contract.errors import ModelBroken, ModelExists, ModelStoreError, ModelUnavailable
from contract.memory import MIB
from contract.settings import load_settings
from tests.support.builders import spec
from tests.support.file_server import file_server
from tests.support.model_store import DATA, DATA_BYTES, register, staged
from workers.remote import disk
from workers.store import ModelStore, directory_digest


@pytest.fixture
def root(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def server(root):
    with file_server(root) as server:
        yield server


@pytest.fixture
def open_store(server, tmp_path):
    def opened(cache="cache", bytes_max=100 * MIB):
        return ModelStore(
            load_settings(model_store=server.url(), model_cache=tmp_path / cache, model_cache_bytes=bytes_max)
        )

    return opened


def entries(cache):
    """What lies in the cache, locks aside."""
    return sorted(
        path.relative_to(cache).as_posix()
        for part in ("models", "partial", "outgoing")
        for path in (cache / part).glob("*")
    )


def test_models_are_listed_by_the_index_and_fetched_into_the_cache(root, open_store, tmp_path):
    written = register(root)
    store = open_store()

    assert list(store.specs()) == [written]
    found, directory = store.find("plates@1", written.digest)

    assert found == store.spec("plates@1", written.digest) == written
    assert directory == tmp_path / "cache" / "models" / written.digest.removeprefix("sha256:")
    assert directory_digest(directory) == written.digest
    assert entries(tmp_path / "cache") == [f"models/{directory.name}"]


def test_a_model_is_fetched_once(root, server, open_store):
    written = register(root)

    open_store().find("plates@1", written.digest)
    open_store().find("plates@1", written.digest)

    assert len(server.asked_for(DATA)) == 1


def test_while_the_store_is_away_the_cache_serves_what_it_has(root, server, open_store):
    written, other = register(root), register(root, "cracks", seed=2)
    open_store().find("plates@1", written.digest)
    server.statuses = [503] * 100
    store = open_store()

    assert store.spec("plates@1", written.digest) == store.find("plates@1", written.digest)[0] == written
    with pytest.raises(ModelUnavailable, match="HTTP 503") as refused:
        store.find("cracks@1", other.digest)
    assert refused.value.code == "model_unavailable"
    with pytest.raises(ModelUnavailable):
        store.find("cracks@1", written.digest)
    with pytest.raises(ModelUnavailable):
        list(store.specs())


def test_what_the_store_does_not_have_is_not_there(root, open_store):
    register(root)

    for ref in ("plates@2", "cracks@1", "plates", "../plates@1"):
        with pytest.raises(ModelBroken, match="is not in this worker's model store"):
            open_store().find(ref, "sha256:" + "0" * 64)


def test_other_files_than_the_job_was_submitted_for_are_refused(root, open_store):
    written = register(root)

    with pytest.raises(ModelBroken, match=f"digest {written.digest[:19]}…, expected sha256:0000"):
        open_store().find("plates@1", "sha256:" + "0" * 64)


def test_a_server_without_an_index_is_told_as_such(open_store):
    with pytest.raises(ModelUnavailable, match=r"has no index\.json, and a web server lists no models"):
        list(open_store().specs())


def test_over_http_nothing_is_written(root, open_store, tmp_path):
    register(root)

    with pytest.raises(ModelStoreError, match="can only be read"):
        open_store().register(staged(tmp_path / "staging", 2), spec("cracks", "1"))
    with pytest.raises(ModelStoreError, match="can only be read"):
        open_store().remove("plates@1")


@pytest.mark.parametrize("name", ["../../../evil", "/evil", "variables/../../evil", "a\\..\\evil", ""])
def test_an_index_cannot_lead_out_of_the_cache(root, open_store, tmp_path, caplog, name):
    caplog.set_level(logging.WARNING)
    good, bad = register(root), register(root, "bad", seed=2)
    index = json.loads((root / "index.json").read_text())
    files = next(entry["files"] for entry in index["models"] if entry["spec"]["name"] == "bad")
    files[name] = files.pop("saved_model.pb")
    (root / "index.json").write_text(json.dumps(index))

    assert list(open_store().specs()) == [good]
    with pytest.raises(ModelBroken):
        open_store().find("bad@1", bad.digest)

    assert any("model left out" in record.getMessage() for record in caplog.records)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"schema": 1, "models": 3}', b"[" * 100_000])
def test_an_index_of_nonsense_is_told_as_such(root, open_store, content):
    (root / "index.json").write_bytes(content)

    with pytest.raises(ModelBroken, match=r"index\.json: not an index of a model store"):
        list(open_store().specs())


def test_an_index_of_another_schema_is_told_as_such(root, open_store):
    (root / "index.json").write_text('{"schema": 2, "models": []}')

    with pytest.raises(ModelBroken, match="schema 2, and this Vedette reads 1"):
        list(open_store().specs())


@pytest.mark.parametrize("content", [b"x" * 10, b"\0" * DATA_BYTES])
def test_a_file_that_is_not_the_one_of_the_index_is_named(root, open_store, tmp_path, content):
    written = register(root)
    (root / "plates" / "1" / DATA).write_bytes(content)

    with pytest.raises(ModelBroken, match=f"{DATA} is not the file that the store speaks of .{len(content)} bytes"):
        open_store().find("plates@1", written.digest)

    assert not (tmp_path / "cache" / "models").exists()


def test_a_file_that_is_gone_is_named_and_the_rest_is_not_fetched_again(root, server, open_store):
    written = register(root)
    (root / "plates" / "1" / DATA).rename(root / "away")
    with pytest.raises(ModelUnavailable, match=f"{DATA}: not there"):
        open_store().find("plates@1", written.digest)
    (root / "away").rename(root / "plates" / "1" / DATA)

    open_store().find("plates@1", written.digest)

    assert len(server.asked_for("saved_model.pb")) == 1


def test_a_damaged_model_in_the_cache_is_fetched_anew(root, open_store):
    written = register(root)
    store = open_store()
    _, directory = store.find("plates@1", written.digest)
    (directory / DATA).write_bytes(b"rotten")

    _, again = store.find("plates@1", written.digest)

    assert directory_digest(again) == written.digest


def test_a_model_that_does_not_fit_onto_the_disk_is_not_begun(root, server, open_store, tmp_path, monkeypatch):
    written = register(root)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100_000}))

    with pytest.raises(ModelUnavailable, match=r"plates@1: needs 120\d{4} bytes in .*/cache, where 100000 are free"):
        open_store().find("plates@1", written.digest)

    assert server.asked_for(DATA) == []
    assert entries(tmp_path / "cache") == []


def test_a_model_above_the_bound_of_the_cache_says_so(root, open_store):
    written = register(root)

    with pytest.raises(ModelUnavailable, match=r"holds at most 300000 \(VEDETTE_MODEL_CACHE_BYTES\)"):
        open_store(bytes_max=300_000).find("plates@1", written.digest)


def test_the_longest_unused_go_first_and_never_one_in_use(root, open_store, tmp_path):
    one, two, three = (register(root, name, seed=seed) for seed, name in enumerate(("one", "two", "three")))
    room_for_two = 2 * DATA_BYTES + 100_000
    first, second = open_store(bytes_max=room_for_two), open_store(bytes_max=room_for_two)
    first.find("one@1", one.digest)
    second.find("two@1", two.digest)

    # Given both in use
    with pytest.raises(ModelUnavailable, match=r"of whose 2500000 \(VEDETTE_MODEL_CACHE_BYTES\) 240\d{4} are in use"):
        open_store(bytes_max=room_for_two).find("three@1", three.digest)
    # When the older one was used just now, and both are let go
    first.find("one@1", one.digest)
    first.release(one.digest)
    second.release(two.digest)
    open_store(bytes_max=room_for_two).find("three@1", three.digest)

    assert entries(tmp_path / "cache") == sorted(
        f"models/{model.digest.removeprefix('sha256:')}" for model in (one, three)
    )


def test_what_was_never_finished_goes_before_what_is_whole(root, open_store, tmp_path):
    one, two, three = (register(root, name, seed=seed) for seed, name in enumerate(("one", "two", "three")))
    store = open_store(bytes_max=2 * DATA_BYTES + 100_000)
    store.find("one@1", one.digest)
    store.release(one.digest)
    (root / "two" / "1" / DATA).unlink()
    with pytest.raises(ModelUnavailable):
        store.find("two@1", two.digest)

    store.find("three@1", three.digest)

    assert entries(tmp_path / "cache") == sorted(
        f"models/{model.digest.removeprefix('sha256:')}" for model in (one, three)
    )


class TestBucket:
    """fsspec's memory stands for s3, gs and the others."""

    URL = "memory://bucket/models"

    @pytest.fixture
    def files(self):
        files = fsspec.filesystem("memory")
        yield files
        files.rm("/", recursive=True)

    @pytest.fixture
    def store(self, files, tmp_path):  # noqa: ARG002  # cleared by it
        return ModelStore(load_settings(model_store=self.URL, model_cache=tmp_path / "cache"))

    def test_models_are_put_listed_fetched_and_removed(self, store):
        written, other = register(self.URL), register(self.URL, "cracks", "2.0", seed=2)

        assert list(store.specs()) == [other, written]
        _, directory = store.find("plates@1", written.digest)
        assert directory_digest(directory) == written.digest

        store.remove("plates@1")
        assert list(store.specs()) == [other]
        with pytest.raises(ModelBroken, match="is not in this worker's model store"):
            store.find("plates@1", written.digest)

    def test_a_version_that_is_there_is_not_touched(self, store):
        before = register(self.URL)

        with pytest.raises(ModelExists):
            register(self.URL, seed=2)

        assert store.find("plates@1", before.digest)[0] == before

    def test_what_a_killed_upload_left_is_no_model_and_in_nobodys_way(self, store, files):
        files.pipe_file("/bucket/models/plates/1/variables/old", b"x")
        assert list(store.specs()) == []

        written = register(self.URL)

        store.find("plates@1", written.digest)

    def test_an_empty_bucket_has_no_models(self, store):
        assert list(store.specs()) == []
        with pytest.raises(ModelBroken, match="is not in this worker's model store"):
            store.find("plates@1", "sha256:" + "0" * 64)

    def test_a_broken_model_is_left_out(self, store, files):
        written = register(self.URL)
        files.pipe_file("/bucket/models/typo/1/model.toml", b"name = ")
        files.copy("/bucket/models/plates/1/model.toml", "/bucket/models/moved/1/model.toml")

        assert list(store.specs()) == [written]

    def test_files_that_were_changed_are_refused(self, store, files, tmp_path):
        written = register(self.URL)
        files.pipe_file(f"/bucket/models/plates/1/{DATA}", b"other")

        with pytest.raises(ModelBroken, match="the store's files are not those of its digest"):
            store.find("plates@1", written.digest)

        assert entries(tmp_path / "cache") == []

    def test_what_is_left_of_other_files_does_not_spoil_the_next_fetch(self, store, tmp_path):
        # Given a part of the right size with the wrong content: the bucket tells no digest by file
        written = register(self.URL)
        partial = tmp_path / "cache" / "partial" / written.digest.removeprefix("sha256:")
        staged(partial, seed=9)

        _, directory = store.find("plates@1", written.digest)

        assert directory_digest(directory) == written.digest
