import logging
from pathlib import Path

import pytest

from contract.errors import ModelBroken
from contract.settings import load_settings
from workers.store import ModelStore, directory_digest


def put_model(root: Path, place: str, *, name: str = "", version: str = "", weights: bytes = b"weights") -> Path:
    """A model directory that looks right; what it says of itself follows from its place unless told otherwise."""
    directory = root / place
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "variables.data-00000-of-00001").write_bytes(weights)
    (directory / "model.toml").write_text(
        f"""schema = 1
name = "{name or place.split("/")[0]}"
version = "{version or place.split("/")[1]}"
digest = "{directory_digest(directory)}"
labels = {{ 1 = "scratch" }}
[memory]
base_bytes = 400_000_000
per_image_bytes = 1_000_000
"""
    )
    return directory


@pytest.fixture
def store(tmp_path):
    return ModelStore(load_settings(model_store=tmp_path))


@pytest.fixture
def warned(caplog):
    caplog.set_level(logging.WARNING, "workers.store")
    return lambda: [record.getMessage() for record in caplog.records]


def test_models_are_found_by_name_and_version(store, warned):
    for place in ("plates/2", "plates/1", "cracks/1.0-rc1"):
        put_model(store.root, place)

    assert [spec.ref for spec in store.specs()] == ["cracks@1.0-rc1", "plates@1", "plates@2"]
    assert warned() == []


def test_a_broken_model_is_named_and_its_neighbours_are_kept(store, warned):
    put_model(store.root, "good/1")
    (put_model(store.root, "typo/1") / "model.toml").write_text("name = ")
    (put_model(store.root, "empty/1") / "model.toml").write_text("")
    (put_model(store.root, "binary/1") / "model.toml").write_bytes(b"\xff\xfe")

    assert [spec.ref for spec in store.specs()] == ["good@1"]
    for name in ("typo", "empty", "binary"):
        assert any(str(store.root / name / "1" / "model.toml") in line for line in warned())


def test_a_model_in_the_wrong_place_is_left_out(store, warned):
    put_model(store.root, "plates/2", version="1")
    put_model(store.root, "copy/1", name="plates")

    assert list(store.specs()) == []
    assert any("plates/2/model.toml says it is plates@1" in line for line in warned())


def test_a_model_in_the_wrong_place_is_not_handed_out_either(store):
    directory = put_model(store.root, "plates/2", version="1")

    with pytest.raises(ModelBroken, match="says it is plates@1"):
        store.find("plates@2", directory_digest(directory))


def test_an_empty_or_missing_store_has_no_models(tmp_path):
    assert list(ModelStore(load_settings(model_store=tmp_path)).specs()) == []
    assert list(ModelStore(load_settings(model_store=tmp_path / "nowhere")).specs()) == []


def test_a_model_is_handed_out_when_its_files_are_those_of_the_digest(store):
    directory = put_model(store.root, "plates/1")

    spec, where = store.find("plates@1", directory_digest(directory))

    assert (spec.ref, where) == ("plates@1", directory)


def test_other_files_than_the_job_was_submitted_for_are_refused_with_both_digests(store):
    directory = put_model(store.root, "plates/1")
    submitted = directory_digest(directory)
    (directory / "variables" / "variables.data-00000-of-00001").write_bytes(b"other")

    with pytest.raises(ModelBroken) as broken:
        store.find("plates@1", submitted)

    assert submitted[:19] in str(broken.value)
    assert directory_digest(directory)[:19] in str(broken.value)


@pytest.mark.parametrize("ref", ["plates@2", "cracks@1", "plates", "@", "plates@"])
def test_a_model_that_is_not_there_is_named_with_the_store(store, ref):
    put_model(store.root, "plates/1")

    with pytest.raises(ModelBroken, match="is not in this worker's model store") as broken:
        store.find(ref, "sha256:" + "0" * 64)

    assert str(store.root) in str(broken.value)


@pytest.mark.parametrize("ref", ["../outside@1", "plates@../../outside/1", "/outside@1"])
def test_a_reference_does_not_lead_out_of_the_store(tmp_path, ref):
    outside = put_model(tmp_path, "outside/1")
    (tmp_path / "store").mkdir()
    store = ModelStore(load_settings(model_store=tmp_path / "store"))

    with pytest.raises(ModelBroken):
        store.find(
            ref.replace("/outside", str(tmp_path / "outside")) if ref[0] == "/" else ref, directory_digest(outside)
        )


class TestDirectoryDigest:
    def test_it_depends_on_every_name_and_every_byte_but_not_on_model_toml(self, tmp_path):
        one, same = put_model(tmp_path / "a", "m/1"), put_model(tmp_path / "b", "m/1")
        (same / "model.toml").write_text("# measured anew")
        assert directory_digest(one) == directory_digest(same)

        (same / "assets").mkdir()
        assert directory_digest(one) == directory_digest(same)
        (same / "assets" / "model.toml").touch()
        assert directory_digest(one) != directory_digest(same)

    def test_content_does_not_wander_between_files(self, tmp_path):
        for name, files in {"a": {"x": b"1", "y": b"2"}, "b": {"x": b"2", "y": b"1"}, "c": {"x": b"12"}}.items():
            for file, content in files.items():
                (tmp_path / name).mkdir(exist_ok=True)
                (tmp_path / name / file).write_bytes(content)

        assert len({directory_digest(tmp_path / name) for name in "abc"}) == 3
