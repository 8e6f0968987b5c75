"""Models put into a store that is a directory, taken out of it, and exported."""

import shutil
import tarfile

import pytest

from contract.engine_plan import EnginePlan
from contract.errors import ModelBroken, ModelExists, ModelStoreError, SettingsError
from contract.model_spec import parse_spec, read_spec
from contract.settings import load_settings
from tests.support.builders import spec
from tests.support.model_store import index_of, register, staged
from workers.remote import disk
from workers.sources.choose import choose
from workers.store import BUNDLED, ModelStore, directory_digest
from workers.store.spec_text import spec_toml


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(root):
    return ModelStore(load_settings(model_store=root))


def test_a_registered_model_is_found_with_its_spec_and_digest(store, root, tmp_path):
    staging = staged(tmp_path / "staging")

    written = store.register(staging, spec("plates", "1", labels={"1": "Käse 🧀", "2": 'a "b"\\'}))

    assert written.digest == directory_digest(staging)
    assert list(store.specs()) == [written]
    assert store.find("plates@1", written.digest) == (written, root / "plates" / "1")
    assert staging.exists()
    assert sorted(path.name for path in root.iterdir()) == [".lock", "index.json", "plates"]


def test_an_old_model_toml_of_the_source_is_replaced(store, root, tmp_path):
    staging = staged(tmp_path / "staging")
    (staging / "model.toml").write_text("name = 'something else'")

    store.register(staging, spec("plates", "1"))

    assert read_spec(root / "plates" / "1" / "model.toml").ref == "plates@1"


@pytest.mark.parametrize("bundled", ["defects-small", "defects-large"])
def test_a_spec_is_the_same_after_it_was_written(tmp_path, bundled):
    before = read_spec(BUNDLED / bundled / "1" / "model.toml")
    (tmp_path / "model.toml").write_text(spec_toml(before), encoding="utf-8")

    assert read_spec(tmp_path / "model.toml") == before


def test_a_version_that_is_there_is_not_touched(store, root, tmp_path):
    before = register(root, seed=1)

    with pytest.raises(ModelExists, match=r"plates@1 is in the model store already .*under another version") as refused:
        store.register(staged(tmp_path / "other", seed=2), spec("plates", "1"))

    assert refused.value.code == "model_exists"
    assert store.find("plates@1", before.digest)[0] == before


def test_the_index_follows_what_is_registered_and_removed(store, root):
    for seed, (name, version) in enumerate((("plates", "1"), ("plates", "2"), ("cracks", "1"))):
        register(root, name, version, seed)
    assert [entry["spec"]["name"] for entry in index_of(root)["models"]] == ["cracks", "plates", "plates"]

    store.remove("plates@1")
    store.remove("cracks@1")

    assert [found.ref for found in store.specs()] == ["plates@2"]
    assert [entry["spec"]["version"] for entry in index_of(root)["models"]] == ["2"]
    assert sorted(path.name for path in root.iterdir()) == [".lock", "index.json", "plates"]


def test_a_model_that_was_copied_by_hand_is_in_the_index_once_it_is_written_anew(store, root):
    register(root)
    shutil.copytree(root / "plates" / "1", root / "copy" / "1")
    toml = root / "copy" / "1" / "model.toml"
    toml.write_text(toml.read_text().replace('name = "plates"', 'name = "copy"'))

    store.reindex()

    assert [entry["spec"]["name"] for entry in index_of(root)["models"]] == ["copy", "plates"]


@pytest.mark.parametrize("ref", ["plates@2", "../outside@1", "plates@../../outside/1", "plates"])
def test_what_is_not_there_is_not_removed(store, root, tmp_path, ref):
    register(root)
    register(tmp_path, "outside", "1")

    with pytest.raises(ModelBroken):
        store.remove(ref)

    assert (tmp_path / "outside" / "1").exists()
    assert [found.ref for found in store.specs()] == ["plates@1"]


def test_what_a_killed_process_left_is_cleared_and_never_seen(store, root):
    (root / ".incoming-x" / "variables").mkdir(parents=True)
    (root / ".incoming-x" / "model.toml").write_text("")
    assert list(store.specs()) == []

    register(root)

    assert not (root / ".incoming-x").exists()


def test_a_full_disk_leaves_the_store_as_it_was(store, root, tmp_path, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))

    with pytest.raises(ModelStoreError, match=r"plates@1: needs 120\d{4} bytes in .*, where 1000 are free"):
        store.register(staged(tmp_path / "staging"), spec("plates", "1"))

    assert [path.name for path in root.iterdir()] == [".lock"]


def test_a_store_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "store").write_text("a file")

    with pytest.raises(ModelStoreError, match=r"the model store .*/store cannot be written: (File exists|Not a dir)"):
        register(tmp_path / "store")


def test_the_bundled_models_stay_as_they_are(tmp_path):
    store = ModelStore(load_settings())

    with pytest.raises(ModelStoreError, match="name a store of your own in VEDETTE_MODEL_STORE"):
        store.register(staged(tmp_path / "staging"), spec("plates", "1"))
    with pytest.raises(ModelStoreError, match="VEDETTE_MODEL_STORE"):
        store.remove("defects-small@1")


def test_an_empty_directory_is_no_model(store, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(ModelBroken, match=r"has no saved_model\.pb"):
        store.register(tmp_path / "empty", spec("plates", "1"))


def test_an_export_is_the_model_again(store, root, tmp_path):
    written = register(root)

    store.export("plates@1", tmp_path / "out" / "plates")
    store.export("plates@1", tmp_path / "out" / "plates.tar.gz")

    assert directory_digest(tmp_path / "out" / "plates") == written.digest
    with tarfile.open(tmp_path / "out" / "plates.tar.gz") as archive:
        names = [member.name for member in archive if member.isreg()]
        taken = choose(names, "plates.tar.gz")
    assert sorted(taken.values())[:2] == ["model.toml", "saved_model.pb"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["plates", "plates.tar.gz"]


def test_an_export_overwrites_nothing(store, root, tmp_path):
    register(root)
    (tmp_path / "mine").mkdir()

    with pytest.raises(ModelStoreError, match="is there already"):
        store.export("plates@1", tmp_path / "mine")


def test_a_store_whose_package_is_missing_says_which():
    with pytest.raises(SettingsError, match=r"gs://bucket/models: gs needs one more package; .*pip install gcsfs"):
        ModelStore(load_settings(model_store="gs://bucket/models"))


def test_a_model_without_engine_plans_can_be_read_by_versions_that_know_none() -> None:
    plan = {"machine": "x86_64_v3-2t", "streams": 2, "call_images": 1}

    assert "engine" not in spec_toml(spec())
    assert parse_spec(spec_toml(spec(engine=[plan])).encode(), "it").engine == (EnginePlan(**plan),)
