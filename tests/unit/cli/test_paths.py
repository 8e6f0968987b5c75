"""Which images a command line means."""

from pathlib import Path

import pytest

from producer.errors import InvalidArgument
from vedette.paths import expand, natural_key


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "photos/a10.jpg",
        "photos/a2.JPG",
        "photos/deep/b.png",
        "photos/notes.txt",
        "photos/.hidden.jpg",
        "photos/.cache/c.jpg",
        "other/d.dat",
        "other/e.jpg",
        "empty/readme.md",
        "odd[1]/f.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(*arguments: str) -> list[str]:
    return [name for name, _ in expand(arguments)]


def test_a_folder_means_the_images_in_it_and_below() -> None:
    assert names("photos") == ["photos/a2.JPG", "photos/a10.jpg", "photos/deep/b.png"]


def test_names_are_as_the_user_gave_them_paths_are_absolute(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names("./photos/") == names("photos")
    assert names(str(photos / "other")) == [f"{photos}/other/e.jpg"]
    monkeypatch.chdir(photos / "photos")
    assert names(".") == ["a2.JPG", "a10.jpg", "deep/b.png"]
    assert names("../other") == ["../other/e.jpg"]
    assert [path for _, path in expand(["deep"])] == [photos / "photos/deep/b.png"]


def test_a_file_that_is_named_is_meant_whatever_its_suffix() -> None:
    assert names("other/d.dat", "photos/a10.jpg") == ["other/d.dat", "photos/a10.jpg"]


def test_an_image_that_is_not_here_may_be_where_the_workers_are() -> None:
    assert names("nowhere/x.jpg") == ["nowhere/x.jpg"]


def test_patterns() -> None:
    assert names("photos/*.jpg") == ["photos/a10.jpg"]
    assert names("photos/*") == ["photos/a2.JPG", "photos/a10.jpg", "photos/deep/b.png"]
    assert names("photos/**/*.png") == ["photos/deep/b.png"]
    assert names("**/*.jpg") == ["odd[1]/f.jpg", "other/e.jpg", "photos/a10.jpg"]
    assert names("other/*.dat") == ["other/d.dat"]
    assert names("other/*") == ["other/e.jpg"]
    assert names("p?otos") == names("photos")


def test_a_folder_whose_name_looks_like_a_pattern() -> None:
    assert names("odd[1]") == ["odd[1]/f.jpg"]


def test_an_image_that_is_meant_twice_is_submitted_once(photos: Path) -> None:
    assert names("photos/a10.jpg", "photos", str(photos / "photos")) == [
        "photos/a10.jpg",
        "photos/a2.JPG",
        "photos/deep/b.png",
    ]


def test_links_to_files_are_taken_and_linked_folders_are_not_entered(photos: Path) -> None:
    (photos / "other/link.jpg").symlink_to(photos / "photos/a10.jpg")
    (photos / "other/gone.jpg").symlink_to(photos / "nothing.jpg")
    (photos / "other/loop").symlink_to(photos / "other")

    assert names("other") == ["other/e.jpg", "other/gone.jpg", "other/link.jpg"]


@pytest.mark.parametrize("argument", ["empty", "photos/*.gif"])
def test_nothing_found_names_the_suffixes(argument: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        expand([argument])

    assert f"no image in {argument}: looked for files that end in .avif .bmp" in str(caught.value)


def test_a_slip_of_the_keyboard() -> None:
    with pytest.raises(InvalidArgument, match="nothing at fotos: expected a folder"):
        expand(["photos", "fotos"])


def test_addresses_are_handed_on_as_they_are_once(photos: Path) -> None:
    (photos / "http:").mkdir()
    (photos / "http:" / "a.jpg").touch()

    found = expand(["s3://bucket/a.jpg", "https://host/?id=1", "s3://bucket/a.jpg", "http://a.jpg"])

    assert found[:2] == [("s3://bucket/a.jpg", "s3://bucket/a.jpg"), ("https://host/?id=1", "https://host/?id=1")]
    # A file of that name is a file
    assert found[2:] == [("http:/a.jpg", photos / "http:" / "a.jpg")]


def test_natural_order() -> None:
    shuffled = ["img10.jpg", "IMG2.jpg", "img1.jpg", "10.jpg", "9.jpg", "img.jpg"]

    assert sorted(shuffled, key=natural_key) == ["9.jpg", "10.jpg", "img1.jpg", "IMG2.jpg", "img10.jpg", "img.jpg"]
