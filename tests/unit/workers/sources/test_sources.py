"""Sources of every kind come to the same directory."""

import re
import tomllib
from pathlib import Path

import fsspec
import pytest

from contract.errors import ModelSourceError, SettingsError
from tests.support.archives import member, tar, zipped
from tests.support.file_server import file_server
from tests.support.saved_model_files import DATA, DATA_BYTES, INDEX, put_files, saved_model_files
from workers.remote import disk
from workers.remote.http import DownloadLimits
from workers.sources import fetch_source
from workers.sources.archive import ArchiveLimits
from workers.sources.choose import choose
from workers.sources.variables import shard_ends
from workers.sources.zoo import load_zoo

ZOO_NAME = "ssd_mobilenet_v2_320x320_coco17_tpu-8"
HASTY = DownloadLimits(tries=2, backoff_s=0)


def names(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


MODEL = sorted(saved_model_files())


@pytest.fixture
def staging(tmp_path):
    return tmp_path / "work" / "staging"


@pytest.fixture
def served(tmp_path):
    (tmp_path / "served").mkdir()
    with file_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    yield files
    files.rm("/", recursive=True)


@pytest.mark.parametrize("below", ["", "exported/saved_model/"])
def test_a_directory(tmp_path, staging, below):
    put_files(tmp_path / "source", saved_model_files(below))

    staged = fetch_source(str(tmp_path / "source"), staging)

    assert (staged.directory, staged.source) == (staging, str(tmp_path / "source"))
    assert names(staging) == MODEL
    assert (tmp_path / "source").exists()
    assert [path.name for path in staging.parent.iterdir()] == ["staging"]


def test_a_directory_of_links_is_copied_as_files(tmp_path, staging):
    put_files(tmp_path / "blobs", saved_model_files())
    (tmp_path / "source").mkdir()
    for name in ("saved_model.pb", "variables"):
        (tmp_path / "source" / name).symlink_to(tmp_path / "blobs" / name)

    fetch_source(str(tmp_path / "source"), staging)

    assert names(staging) == MODEL
    assert not any(path.is_symlink() for path in staging.rglob("*"))


@pytest.mark.parametrize(
    ("name", "pack"),
    [("m.tar.gz", tar), ("m.tgz", tar), ("m.zip", zipped), ("m.tar", lambda p, f: tar(p, f, mode="w:"))],
)
def test_an_archive(tmp_path, staging, name, pack):
    source = pack(tmp_path / name, saved_model_files("./model/"))

    fetch_source(str(source), staging)

    assert names(staging) == MODEL
    assert (staging / DATA).stat().st_size == DATA_BYTES


def zoo_archive(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True)
    files = saved_model_files(f"{name}/saved_model/")
    checkpoint = {f"{name}/checkpoint/{file}": b"x" for file in ("checkpoint", "ckpt-0.index")}
    beside = {f"{name}/pipeline.config": b"model { ssd {} }", f"{name}/saved_model/assets/vocabulary": b"x"}
    inner = [member(f"{name}/latest", b"2", "checkpoint")]  # a link that stays inside harms nobody
    return tar(path, checkpoint | files | beside, inner)


def test_a_model_of_the_zoo_by_name(served, staging):
    zoo_archive(served.root / "20200711" / f"{ZOO_NAME}.tar.gz", ZOO_NAME)
    seen = []

    staged = fetch_source(ZOO_NAME, staging, zoo_base=served.url(), progress=lambda *done: seen.append(done))

    assert names(staging) == sorted([*MODEL, "assets/vocabulary", "pipeline.config"])
    assert (staged.license, staged.labels) == ("Apache-2.0", "coco-90")
    assert staged.source == served.url(f"20200711/{ZOO_NAME}.tar.gz")
    assert seen[-1][0] == seen[-1][1] > DATA_BYTES


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("ssd_mobilenet_v2", "the zoo has ssd_mobilenet_v2_"),
        ("efficientdet_d9_coco17_tpu-32", "the zoo has efficientdet_d"),
        ("./nowhere", "no such file or directory"),
        ("file:///no/where", "no such file or directory"),
    ],
)
def test_a_source_that_is_nothing(staging, source, says):
    with pytest.raises(ModelSourceError) as refused:
        fetch_source(source, staging)

    assert says in str(refused.value)


def test_the_zoo_has_its_models_and_their_addresses():
    zoo = load_zoo()

    assert len(zoo.models) == 42
    assert all(re.fullmatch(r"202[01]\d{4}", date) for date in zoo.models.values())
    assert zoo.address(ZOO_NAME) == (
        f"http://download.tensorflow.org/models/object_detection/tf2/20200711/{ZOO_NAME}.tar.gz"
    )


def test_a_broken_download_is_continued_by_the_next_call_and_then_gone(served, staging, tmp_path):
    tar(served.root / "m.tar.gz", saved_model_files())
    served.break_after = [3_000_000]
    downloads = tmp_path / "downloads"
    with pytest.raises(ModelSourceError, match="the connection broke"):
        fetch_source(served.url("m.tar.gz"), staging, downloads=downloads, download_limits=DownloadLimits(tries=1))
    assert not list(staging.parent.iterdir())

    fetch_source(served.url("m.tar.gz"), staging, downloads=downloads, download_limits=HASTY)

    assert served.asked_for("gz") == ["", "bytes=3000000-"]
    assert names(staging) == MODEL
    assert list(downloads.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "says"), [("no.tar.gz", "not there (HTTP 404)"), ("page.html", "is a web page, not an archive")]
)
def test_an_address_of_something_else(served, staging, path, says):
    (served.root / "page.html").write_text("<html>")

    with pytest.raises(ModelSourceError, match=re.escape(f"{served.url(path)}: {says}")):
        fetch_source(served.url(path), staging, download_limits=HASTY)

    assert list(staging.parent.iterdir()) == []


def test_a_directory_on_a_web_server(served, staging):
    put_files(served.root / "m", saved_model_files() | {"metadata.yaml": b"names: [cat]"})

    fetch_source(served.url("m/"), staging, download_limits=HASTY)

    assert names(staging) == sorted([*MODEL, "metadata.yaml"])


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("saved_model.pb", "has no saved_model.pb; a web server lists no directories"),
        (DATA, f"{DATA} is missing, which variables.index refers to"),
        ("variables/variables.index", "variables/variables.index is missing"),
    ],
)
def test_a_directory_on_a_web_server_that_is_not_whole(served, staging, gone, says):
    put_files(served.root / "m", {name: content for name, content in saved_model_files().items() if name != gone})

    with pytest.raises(ModelSourceError, match=says):
        fetch_source(served.url("m/"), staging, download_limits=HASTY)

    assert list(staging.parent.iterdir()) == []


def test_an_object_store(memory, staging, tmp_path):
    for name, content in saved_model_files("bucket/zoo/saved_model/").items():
        memory.pipe_file(f"/{name}", content)
    archive = tar(tmp_path / "m.tar.gz", saved_model_files())
    memory.put_file(str(archive), "/bucket/m.tar.gz")

    fetch_source("memory://bucket/zoo", staging)
    fetch_source("memory://bucket/m.tar.gz", staging.with_name("other"))

    assert names(staging) == names(staging.with_name("other")) == MODEL


@pytest.mark.usefixtures("memory")
def test_an_object_store_that_cannot_be_reached_or_lacks_the_file(staging):
    with pytest.raises(ModelSourceError, match=r"memory://bucket/none\.tar\.gz: not there"):
        fetch_source("memory://bucket/none.tar.gz", staging)
    with pytest.raises(SettingsError, match=r"s3://bucket/m: s3 needs one more package; .*pip install s3fs"):
        fetch_source("s3://bucket/m", staging)
    with pytest.raises(SettingsError, match="fsspec knows no protocol 'sea'"):
        fetch_source("sea://bucket/m", staging)


def test_an_empty_or_foreign_directory(tmp_path, staging):
    (tmp_path / "empty").mkdir()
    put_files(tmp_path / "foreign", {"model.onnx": b"x"})

    with pytest.raises(ModelSourceError, match="is an empty directory"):
        fetch_source(str(tmp_path / "empty"), staging)
    with pytest.raises(ModelSourceError, match=r"has no saved_model\.pb"):
        fetch_source(str(tmp_path / "foreign"), staging)
    put_files(tmp_path / "foreign", {"a": b"", "b": b""})
    with pytest.raises(ModelSourceError, match="has more than 2 files; name the model's own directory"):
        fetch_source(str(tmp_path / "foreign"), staging, archive_limits=ArchiveLimits(files_max=2))


def test_one_of_several_is_chosen_by_its_directory(tmp_path, staging):
    put_files(tmp_path / "many", saved_model_files("a/saved_model/") | saved_model_files("b/saved_model/"))

    with pytest.raises(ModelSourceError, match=r"has no saved_model\.pb in c; SavedModels found in a/saved_model, b/"):
        fetch_source(str(tmp_path / "many"), staging, inside="c")
    fetch_source(str(tmp_path / "many"), staging, inside="b/saved_model/")

    assert names(staging) == MODEL


def test_a_full_disk_is_told_with_what_is_needed_and_nothing_is_left(tmp_path, staging, monkeypatch):
    source = tar(tmp_path / "m.tar.gz", saved_model_files())
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000_000}))

    with pytest.raises(ModelSourceError, match=r"needs 4\d{6} bytes in .*, where 1000000 are free"):
        fetch_source(str(source), staging)

    assert list(staging.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ("saved_model.pb variables/v README.md checkpoint/c", "saved_model.pb variables/v"),
        ("m/1/saved_model.pb m/1/assets.extra/x/y m/1/model.toml", "assets.extra/x/y model.toml saved_model.pb"),
        ("m/s/saved_model.pb m/map.pbtxt m/pipeline.config m/x/y.pbtxt", "map.pbtxt pipeline.config saved_model.pb"),
        ("s/saved_model.pb labels.pbtxt model.toml", "labels.pbtxt saved_model.pb"),
        ("saved_model.pb saved_model.pbtxt keras_metadata.pb", "keras_metadata.pb saved_model.pb"),
        ("a/saved_model.pb ab/variables/v", "saved_model.pb"),
    ],
)
def test_what_is_taken(files, taken):
    assert sorted(choose(files.split(), "source").values()) == taken.split()


def test_what_the_model_has_itself_comes_before_what_lies_beside_it():
    assert choose(["m/s/saved_model.pb", "m/s/map.pbtxt", "m/map.pbtxt"], "source") == {
        "m/s/saved_model.pb": "saved_model.pb",
        "m/s/map.pbtxt": "map.pbtxt",
    }


def test_the_index_of_a_real_model_says_how_long_its_data_is():
    assert shard_ends(INDEX) == [DATA_BYTES]


def test_the_zoo_is_toml_that_can_be_read_without_us():
    content = tomllib.loads((Path(__file__).parents[4] / "workers/sources/zoo.toml").read_text(encoding="utf-8"))

    assert content["license"] == "Apache-2.0"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ssd_mobilenet_v2_320x320_coco17_tpu-8", "ssd_mobilenet_v2_320x320_coco17_tpu-8"),
        ("ssd_mobilenet_v2_320x320", "ssd_mobilenet_v2_320x320_coco17_tpu-8"),
        ("efficientdet_d0", "efficientdet_d0_coco17_tpu-32"),
        ("ssd_mobilenet_v2", None),  # of several
        ("ssd_mobilenet_v2_320x32", None),
        ("", None),
    ],
)
def test_a_model_of_the_zoo_is_named_by_the_part_that_tells_it_from_others(text, name):
    assert load_zoo().named(text) == name
