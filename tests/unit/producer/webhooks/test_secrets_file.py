"""The file of secrets: which one signs for whom, and what is said of a wrong one, which is not the secret."""

import base64

import pytest

from contract.errors import SettingsError
from contract.references import parse_reference
from producer.webhooks.secrets_file import decode, new_secret, read_secrets, secrets_for

A, B, C = (base64.b64encode(letter * 24).decode() for letter in (b"a", b"b", b"c"))
FILE = f"""
[[webhook]]
host = "hooks.example.org"
secrets = ["whsec_{A}", "whsec_{B}"]
[[webhook]]
host = "*.example.net:8443"
secrets = ["whsec_{B}"]
[[webhook]]
secrets = ["whsec_{C}"]
"""


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "secrets.toml"

    def written(text):
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.example.org/x", [b"a" * 24, b"b" * 24]),
        ("https://hooks.example.org:9000/", [b"a" * 24, b"b" * 24]),
        ("https://a.example.net:8443/", [b"b" * 24]),
        ("https://a.example.net/", [b"c" * 24]),
        ("http://elsewhere/", [b"c" * 24]),
    ],
)
def test_the_first_entry_that_covers_the_receiver_signs(written, url, expected):
    assert secrets_for(read_secrets(written(FILE)), parse_reference(url)) == expected


def test_who_is_covered_by_none_has_none(written):
    entries = read_secrets(written(f'[[webhook]]\nhost = "a.org"\nsecrets = ["whsec_{A}"]\n'))

    assert secrets_for(entries, parse_reference("https://b.org/")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "webhook: Field required"),
        ("[[webhook]]\nsecrets = []", "webhook.0.secrets: "),
        (f'[[webhook]]\nsecrets = ["{A}"]', "webhook.0.secrets.0: Value error, expected whsec_ and base64"),
        ('[[webhook]]\nsecrets = ["whsec_c2hvcnQ="]', "of 24 to 64 random bytes"),
        ('[[webhook]]\nsecrets = ["whsec_no base64 at all, but a password"]', "of 24 to 64 random bytes"),
        (f'[[webhook]]\nsecrets = ["whsec_{"YWFh" * 22}"]', "of 24 to 64 random bytes"),
        (f'[[webhook]]\nhost = "https://a"\nsecrets = ["whsec_{A}"]', "webhook.0.host: Value error, 'https://a' is no"),
        (f'[[webhook]]\nhosts = "a"\nsecrets = ["whsec_{A}"]', "webhook.0.hosts: Extra inputs"),
        ("[[webhook", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret(written, text, expected):
    with pytest.raises(SettingsError) as refused:
        read_secrets(written(text))

    assert str(refused.value).startswith("VEDETTE_WEBHOOK_SECRETS_FILE=")
    assert expected in str(refused.value)
    assert all(secret not in str(refused.value) for secret in (A, "c2hvcnQ", "password", "YWFh"))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_secrets(tmp_path / "none.toml")


def test_a_new_secret_is_read_back_and_is_not_shown_by_its_entry(written):
    secret, lines = new_secret("hooks.example.org:8443")
    (entry,) = read_secrets(written(lines))

    assert entry.host == "hooks.example.org:8443"
    assert entry.secrets == (secret,)
    assert len(decode(secret)) == 32
    assert secret not in repr(entry)
    assert new_secret("a")[0] != secret


def test_a_new_secret_is_for_a_host():
    with pytest.raises(SettingsError, match="--new-webhook-secret 'https://a': 'https://a' is no host"):
        new_secret("https://a")
