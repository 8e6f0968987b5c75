import os
from pathlib import Path

import pytest

from workers.images import fetch
from workers.images.errors import ImageError
from workers.images.fetch import read_image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"image")
    (tmp_path / "out" / "private.jpg").write_bytes(b"private")
    return tmp_path / "in"


def refused(uri: Path | str, *roots: Path, bytes_max: int = 100) -> ImageError:
    with pytest.raises(ImageError) as raised:
        read_image(str(uri), roots, bytes_max)
    return raised.value


def test_a_file_below_a_root_is_read(root):
    assert read_image(str(root / "a.jpg"), [root], 100) == b"image"
    assert read_image(str(root / "a.jpg"), [root.parent / "out", root], 100) == b"image"
    assert read_image(str(root / "a.jpg"), [Path("/")], 100) == b"image"
    assert read_image(str(root / ".." / "in" / "a.jpg"), [root], 100) == b"image"


def test_a_link_may_lead_from_outside_to_inside(root):
    (root.parent / "out" / "link.jpg").symlink_to(root / "a.jpg")

    assert read_image(str(root.parent / "out" / "link.jpg"), [root], 100) == b"image"


@pytest.mark.parametrize("way", ["directly", "dots", "link", "linked folder"])
def test_nothing_outside_the_roots_is_read(root, way):
    outside = root.parent / "out" / "private.jpg"
    (root / "link.jpg").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    uri = {
        "directly": outside,
        "dots": root / ".." / "out" / "private.jpg",
        "link": root / "link.jpg",
        "linked folder": root / "folder" / "private.jpg",
    }[way]

    error = refused(uri, root)

    assert error.failure.code == "image_forbidden"
    assert str(root) in str(error)


def test_a_root_is_a_folder_and_no_prefix_of_a_name(root):
    (root.parent / "in-secret").mkdir()
    (root.parent / "in-secret" / "a.jpg").write_bytes(b"secret")

    assert refused(root.parent / "in-secret" / "a.jpg", root).failure.code == "image_forbidden"


def test_a_root_that_is_itself_a_link_opens_what_it_leads_to(root):
    (root.parent / "mount").symlink_to(root)

    assert read_image(str(root.parent / "mount" / "a.jpg"), [root.parent / "mount"], 100) == b"image"


def test_a_file_that_is_not_there(root):
    (root / "dangling.jpg").symlink_to(root / "nowhere.jpg")

    assert refused(root / "b.jpg", root).failure.code == "image_missing"
    assert refused(root / "dangling.jpg", root).failure.code == "image_missing"
    assert str(refused(root / "b.jpg", root)) == f"no file {root / 'b.jpg'} on this worker's machine"


def test_whether_a_file_outside_exists_is_not_told(root):
    (root / "link.jpg").symlink_to(root.parent / "out" / "private.jpg")
    (root / "dangling.jpg").symlink_to(root.parent / "out" / "nothing.jpg")

    there, not_there = refused(root / "link.jpg", root), refused(root / "dangling.jpg", root)

    assert there.failure.code == not_there.failure.code == "image_forbidden"
    assert str(there).replace("link", "dangling") == str(not_there)
    for name in ("private.jpg", "nothing.jpg", "nothing/x.jpg"):
        assert refused(root.parent / "out" / name, root).failure.code == "image_forbidden"


def test_a_link_that_is_put_in_place_between_the_check_and_the_reading_leads_nowhere(root, monkeypatch):
    # Given somebody who may write below the root, and turns a folder into a link at the worst moment
    (root / "folder").mkdir()
    (root / "folder" / "private.jpg").write_bytes(b"harmless")
    opens = fetch._open

    def late(real):
        (root / "folder").rename(root / "away")
        (root / "folder").symlink_to(root.parent / "out")
        return opens(real)

    monkeypatch.setattr(fetch, "_open", late)

    assert refused(root / "folder" / "private.jpg", root).failure.code == "image_forbidden"


def test_an_empty_file(root):
    (root / "empty.jpg").touch()

    assert refused(root / "empty.jpg", root).failure.code == "image_empty"


def test_a_directory(root):
    (root / "folder.jpg").mkdir()

    assert refused(root / "folder.jpg", root).failure.code == "image_unreadable"
    assert refused(root, root).failure.code == "image_unreadable"


def test_the_size_is_limited_and_the_limit_itself_allowed(root):
    assert read_image(str(root / "a.jpg"), [root], 5) == b"image"

    error = refused(root / "a.jpg", root, bytes_max=4)
    assert error.failure.code == "image_too_large"
    assert "VEDETTE_IMAGE_BYTES_MAX" in str(error)


def test_a_file_that_the_user_of_the_worker_may_not_read(root, monkeypatch):
    # Root may read everything, so the refusal is the file system's by proxy.
    def denied(real):
        raise PermissionError(13, "Permission denied", str(real))

    monkeypatch.setattr(fetch, "_open", denied)

    assert refused(root / "a.jpg", root).failure.code == "image_forbidden"


@pytest.mark.parametrize("name", ["a\0.jpg", "n" * 5000, "loop.jpg", "a.jpg/b.jpg"])
def test_a_path_that_is_none(root, name):
    (root / "loop.jpg").symlink_to(root / "loop.jpg")

    assert refused(f"{root}/{name}", root).failure.code == "image_unreadable"


def test_a_name_that_is_not_utf8_is_read_by_its_encoded_address(root):
    (root / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"coffee")

    assert read_image(f"file://{root}/caf%E9.jpg", [root], 100) == b"coffee"
