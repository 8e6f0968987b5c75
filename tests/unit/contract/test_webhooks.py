"""Which addresses may be told of the end of a job."""

import pytest

from contract.errors import WebhookRefused
from contract.settings import load_settings
from contract.webhooks import check_webhook, webhook_reference

POLICY = load_settings(
    webhook_hosts="hooks.example.org,*.internal.example.org:8443,10.2.0.7,127.0.0.1,169.254.169.254,[::ffff:10.0.0.1],8.8.8.8",
    webhook_private="10.2.0.0/16",
).webhook_policy


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("https://hooks.example.org/a?token=x", "https://hooks.example.org/a?token=x"),
        ("HTTPS://Hooks.Example.ORG./a#b", "https://hooks.example.org/a"),
        ("http://hooks.example.org", "http://hooks.example.org/"),
        ("https://a.internal.example.org:8443/", "https://a.internal.example.org:8443/"),
        ("http://10.2.0.7/", "http://10.2.0.7/"),
        ("http://8.8.8.8/ü", "http://8.8.8.8/%C3%BC"),
    ],
)
def test_what_is_listed_is_open_in_one_spelling(url, spelled):
    assert check_webhook(url, POLICY) == spelled


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        # not listed
        ("https://example.org/", "host"),
        ("https://hooks.example.org.evil.org/", "host"),
        ("https://evilhooks.example.org/", "host"),
        ("https://internal.example.org:8443/", "host"),
        ("http://localhost/", "host"),
        ("http://[::1]/", "host"),
        ("http://[::ffff:127.0.0.1]/", "host"),
        ("http://[64:ff9b::7f00:1]/", "host"),
        ("http://metadata.google.internal/", "host"),
        ("http://redis:6379/", "host"),
        # listed, at another port
        ("https://hooks.example.org:8080/", "port"),
        ("https://hooks.example.org:6379/", "port"),
        ("https://a.internal.example.org/", "port"),
        # listed, and inside all the same
        ("http://127.0.0.1/", "address"),
        ("http://169.254.169.254/latest/meta-data/", "address"),
        ("http://[::ffff:a00:1]/", "address"),
        # addresses that only some readers read as such
        ("http://2130706433/", "address"),
        ("http://0x7f000001/", "address"),
        ("http://0177.0.0.1/", "address"),
        ("http://127.1/", "address"),
        ("http://127.0.0.1.:80.5/", "spelling"),
        ("http://[::1%25lo]/", "address"),
        # two hosts, depending on who reads
        ("https://hooks.example.org@evil.org/", "userinfo"),
        ("https://user:secret@hooks.example.org/", "userinfo"),
        ("https://evil.org\\@hooks.example.org/", "spelling"),
        ("https://hooks.example.org\\.evil.org/", "spelling"),
        ("https://hooks.example.org\r\nHost: evil.org/", "spelling"),
        ("https://hooks.example.org/a b", "spelling"),
        ("https://hooks%2eexample.org/", "spelling"),
        ("https://ｈooks.example.org/", "spelling"),
        ("https:///hooks.example.org/", "spelling"),
        ("https:hooks.example.org", "spelling"),
        ("https://hooks.example.org:99999/", "port"),
        ("hooks.example.org/a", "spelling"),
        ("", "spelling"),
        ("https://hooks.example.org/\ud800", "spelling"),
        # not HTTP
        ("file:///etc/passwd", "scheme"),
        ("/etc/passwd", "scheme"),
        ("ftp://hooks.example.org/", "scheme"),
        ("gopher://hooks.example.org/", "scheme"),
        ("s3://hooks.example.org/a", "scheme"),
        ("blob:sha256:" + "0" * 64, "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("https://hooks.example.org/" + "a" * 2048, "length"),
    ],
)
def test_everything_else_is_refused_with_its_reason(url, reason):
    with pytest.raises(WebhookRefused, match=rf"^webhook .* is refused \({reason}\): ") as refused:
        webhook_reference(url, POLICY)

    assert refused.value.code == "webhook_refused"


def test_nothing_is_open_unless_it_is_listed():
    with pytest.raises(WebhookRefused) as refused:
        check_webhook("https://hooks.example.org/a?token=secret", load_settings().webhook_policy)

    assert str(refused.value) == (
        "webhook 'https://hooks.example.org/a' is refused (host): hooks.example.org is not among the hosts allowed "
        "(VEDETTE_WEBHOOK_HOSTS, of producers, workers and gateways)"
    )


@pytest.mark.parametrize("url", [7, b"https://hooks.example.org/", ["https://hooks.example.org/"]])
def test_what_is_no_text_is_refused(url):
    with pytest.raises(WebhookRefused, match="expected an address such as https://host/path"):
        check_webhook(url, POLICY)


def test_no_webhook_is_none():
    assert check_webhook(None, POLICY) is None
