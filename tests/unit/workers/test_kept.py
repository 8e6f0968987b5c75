import os
import tempfile

from workers.images import kept
from workers.images.kept import KeptBytes


def test_what_was_kept_comes_back_in_any_order_and_as_often_as_asked():
    with KeptBytes() as bytes_:
        assert bytes_.keep(3, b"three")
        assert bytes_.keep(7, b"seven")

        assert [bytes_.get(index) for index in (7, 3, 7, 5)] == [b"seven", b"three", b"seven", None]


def test_what_has_no_room_is_not_kept_and_takes_none():
    with KeptBytes(bytes_max=8) as bytes_:
        assert bytes_.keep(0, b"12345")
        assert not bytes_.keep(1, b"1234")
        assert bytes_.keep(2, b"123")

        assert [bytes_.get(index) for index in (0, 1, 2)] == [b"12345", None, b"123"]


def test_a_disk_without_room(monkeypatch):
    monkeypatch.setattr(kept, "lack_of_space", lambda *_: "full")

    with KeptBytes() as bytes_:
        assert not bytes_.keep(0, b"12345")
        assert bytes_.get(0) is None


def test_nothing_is_left_behind_by_a_process_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with KeptBytes() as bytes_:
        bytes_.keep(0, b"12345")
        names = os.listdir(tmp_path)  # noqa: PTH208

    assert names == []


def test_small_files_are_held_in_memory_until_the_attempt_is_over(monkeypatch):
    monkeypatch.setattr(kept, "HELD_BYTES_MAX", 8)

    with KeptBytes(bytes_max=0) as bytes_:
        assert bytes_.hold(0, b"12345")
        assert not bytes_.hold(1, b"1234")
        assert bytes_.hold(2, b"123")
        assert [bytes_.get(index) for index in (0, 1, 2)] == [b"12345", None, b"123"]

    assert bytes_.get(0) is None


def test_a_large_file_is_not_held(monkeypatch):
    monkeypatch.setattr(kept, "_SMALL_BYTES", 4)

    with KeptBytes() as bytes_:
        assert not bytes_.hold(0, b"12345")
        assert bytes_.get(0) is None
