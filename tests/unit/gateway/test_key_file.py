"""The file of keys while it changes: the new one counts at once, a broken one not at all."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import SettingsError
from producer.gateway.api_keys import digest
from producer.gateway.key_file import KeyFile


def text_of(*names: str) -> str:
    return "".join(f'[[key]]\nname = "{name}"\nsha256 = "{digest(name)}"\n' for name in names)


def replace(path: Path, text: str) -> None:
    """As `mv` does it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def write(path: Path, text: str) -> None:
    path.write_text(text)


def point(path: Path, text: str) -> None:
    """As Kubernetes does it with a secret: what is named is a link, and what it leads to is another file."""
    target = path.with_name(f"data-{len(text)}-{digest(text)[:8]}")
    target.write_text(text)
    link = path.with_suffix(".link")
    link.symlink_to(target)
    link.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "keys.toml").write_text(text_of("line-3", "yard"))
    return tmp_path / "keys.toml"


def names(file: KeyFile) -> list[str]:
    return [key.name for key in file.current()]


@pytest.mark.parametrize("put", [replace, write, point])
def test_the_new_file_counts_at_once(path: Path, put: Callable[[Path, str], None]) -> None:
    file = KeyFile(path)
    assert names(file) == ["line-3", "yard"]

    put(path, text_of("yard"))
    assert names(file) == ["yard"]

    put(path, text_of("gate"))  # as long as the one before
    assert names(file) == ["gate"]
    assert file.flaw is None


def test_one_that_was_replaced_by_one_of_the_same_size_and_time(path: Path) -> None:
    file, times = KeyFile(path), path.stat()
    fresh = path.with_suffix(".new")
    fresh.write_text(text_of("line-4", "yard"))
    os.utime(fresh, ns=(times.st_atime_ns, times.st_mtime_ns))
    fresh.replace(path)

    assert names(file) == ["line-4", "yard"]


@pytest.mark.parametrize("text", ["[[key]", "", "key = []", text_of("yard", "yard"), None])
def test_a_broken_file_changes_nothing_and_is_told_once(
    path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = KeyFile(path)
    if text is None:
        path.unlink()
    else:
        replace(path, text)

    for _ in range(3):
        assert names(file) == ["line-3", "yard"]

    assert file.flaw is not None
    [told] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "API keys stay as they were (line-3, yard)" in told.message
    assert digest("yard") not in told.message

    # Given that it is mended
    replace(path, text_of("gate"))
    assert names(file) == ["gate"]
    assert file.flaw is None


def test_a_file_that_is_none_to_begin_with_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        KeyFile(tmp_path / "none.toml")
