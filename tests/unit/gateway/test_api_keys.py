"""The file of API keys: what it may say, whose key it is, and that no hash is told."""

import tomllib
from pathlib import Path

import pytest

from contract.errors import SettingsError
from producer.gateway.api_keys import ApiKey, digest, find, new_key, read_keys

LINE_3 = ApiKey(name="line-3", sha256=digest("vdt_line"))
YARD = ApiKey(name="yard", sha256=digest("vdt_yard"), rate_per_minute=10)


@pytest.mark.parametrize(
    ("authorization", "whose"),
    [
        ("Bearer vdt_line", LINE_3),
        ("bearer vdt_yard", YARD),
        ("Bearer  vdt_yard ", YARD),
        ("Bearer vdt_other", None),
        ("Basic vdt_line", None),
        ("vdt_line", None),
        (f"Bearer {LINE_3.sha256}", None),
        ("Bearer ", None),
        ("Bearer \udcff", None),
        ("", None),
        (None, None),
    ],
)
def test_whose_key_it_is(authorization: str | None, whose: ApiKey | None) -> None:
    assert find([LINE_3, YARD], authorization) == whose


def test_a_new_key_is_admitted_by_its_lines(tmp_path: Path) -> None:
    key, lines = new_key("line-3")
    (tmp_path / "keys.toml").write_text(lines)

    keys = read_keys(tmp_path / "keys.toml")

    found = find(keys, f"Bearer {key}")
    assert found is not None
    assert (found.name, found.rate_per_minute, found.max_queued_images) == ("line-3", 600, 100_000)
    assert key not in lines
    assert new_key("line-3")[0] != key
    with pytest.raises(SettingsError, match="Line 3"):
        new_key("Line 3")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[key]", "not valid TOML"),
        ("", "key: Field required"),
        ("key = []", "key: List should have at least 1 item"),
        ('[[key]]\nname = "Line 3"\nsha256 = "x"', "key.0.name"),
        (f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\nrate = 3', "key.0.rate: Extra"),
        (f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\nrate_per_minute = 0', "key.0.rate_per_minute"),
        (f'[[key]]\nname = "a"\nsha256 = "{"0" * 64}"\n' * 2, "two keys have the same name"),
        (f'[[key]]\nname = "a"\nsha256 = "{"7" * 64}"\n[[key]]\nname = "b"\nsha256 = "{"7" * 64}"', "same sha256"),
    ],
)
def test_a_file_that_is_none_says_where_and_shows_no_hash(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "keys.toml").write_text(text)

    with pytest.raises(SettingsError) as caught:
        read_keys(tmp_path / "keys.toml")

    assert says in str(caught.value)
    assert f"VEDETTE_API_KEYS_FILE={tmp_path / 'keys.toml'}" in str(caught.value)
    assert "7777" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_keys(tmp_path / "none.toml")


def test_a_key_is_shown_without_its_hash() -> None:
    assert LINE_3.sha256 not in repr(LINE_3)


def test_the_example_of_the_document_is_one(tmp_path: Path) -> None:
    document = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
    example = document.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "keys.toml").write_text(example)

    assert tomllib.loads(example)["key"][0]["sha256"] == read_keys(tmp_path / "keys.toml")[0].sha256
