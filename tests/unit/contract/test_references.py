"""The pure rules, as a producer asks them. What a worker does is in tests/unit/workers/test_references_refused.py."""

import os

import pytest

from contract.addresses import parse_network
from contract.reference_policy import Policy, check_reference, parse_bucket_rule, parse_host_rule
from contract.references import (
    BlobReference,
    FileReference,
    HttpReference,
    ObjectReference,
    ReferenceRefused,
    file_uri,
    looks_like_address,
    parse_reference,
)


@pytest.mark.parametrize(
    ("uri", "reference", "usual"),
    [
        ("/a%20b.jpg", FileReference("/a%20b.jpg"), None),
        ("file:///a%20b.jpg", FileReference("/a b.jpg"), None),
        ("file://localhost/ü.jpg", FileReference("/ü.jpg"), None),
        ("file:///caf%E9.jpg", FileReference(os.fsdecode(b"/caf\xe9.jpg")), None),
        ("HTTP://Host.Org", HttpReference("http", "host.org", 80, "/"), "http://host.org/"),
        ("http://host:80/a?b=/#c", HttpReference("http", "host", 80, "/a?b=/"), "http://host/a?b=/"),
        ("https://host:80?q", HttpReference("https", "host", 80, "/?q"), "https://host:80/?q"),
        ("https://host./ü", HttpReference("https", "host", 443, "/%C3%BC"), "https://host/%C3%BC"),
        ("http://[::0001]:8080/", HttpReference("http", "::1", 8080, "/"), "http://[::1]:8080/"),
        ("s3://b/k%20x", ObjectReference("s3", "b", "k%20x"), "s3://b/k%20x"),
        ("GS://b.c/d/e", ObjectReference("gs", "b.c", "d/e"), "gs://b.c/d/e"),
        ("blob:sha256:" + "0f" * 32, BlobReference("0f" * 32), "blob:sha256:" + "0f" * 32),
    ],
)
def test_a_reference_has_one_meaning_and_one_spelling(uri: str, reference: object, usual: str | None) -> None:
    parsed = parse_reference(uri)

    assert parsed == reference
    if not isinstance(parsed, FileReference):
        assert parsed.uri == usual
        assert parse_reference(parsed.uri) == parsed


@pytest.mark.parametrize(
    ("rule", "opened", "closed"),
    [
        ("a.org", ["http://a.org/", "https://A.org./", "http://a.org:443/"], ["http://b.a.org/", "http://a.org:81/"]),
        (
            "*.a.org",
            ["http://b.a.org/", "http://c.b.a.org/"],
            ["http://a.org/", "http://ba.org/", "http://b.a.org:81/"],
        ),
        ("a.org:8443", ["https://a.org:8443/"], ["https://a.org/", "http://a.org/", "http://a.org:8080/"]),
        ("8.8.8.8", ["http://8.8.8.8/"], ["http://8.8.8.9/", "http://[::ffff:8.8.8.8]/"]),
        ("10.0.0.1", [], ["http://10.0.0.1/"]),
        ("[::ffff:10.0.0.1]", [], ["http://[::ffff:10.0.0.1]/"]),
        ("10.9.0.1", ["http://10.9.0.1/"], []),
    ],
)
def test_hosts(rule: str, opened: list[str], closed: list[str]) -> None:
    policy = Policy(hosts=(parse_host_rule(rule),), private=(parse_network("10.9.0.0/16"),))

    for uri in opened:
        check_reference(parse_reference(uri), policy)
    for uri in closed:
        with pytest.raises(ReferenceRefused):
            check_reference(parse_reference(uri), policy)


@pytest.mark.parametrize(
    ("rule", "opened", "closed"),
    [
        ("b", ["s3://b/k", "gs://b/k/l"], ["s3://bb/k", "s3://B/k"]),
        ("b/p/", ["s3://b/p/k"], ["s3://b/k", "s3://b/p", "s3://b/pp/k"]),
        ("s3://b", ["s3://b/k"], ["gs://b/k"]),
    ],
)
def test_buckets(rule: str, opened: list[str], closed: list[str]) -> None:
    policy = Policy(buckets=(parse_bucket_rule(rule),))

    for uri in opened:
        check_reference(parse_reference(uri), policy)
    for uri in closed:
        with pytest.raises(ReferenceRefused) as refused:
            check_reference(parse_reference(uri), policy)
        assert refused.value.reason == "bucket"


def test_what_is_meant_for_an_address() -> None:
    addresses = ["http://h", "S3://b/k", "gopher://h", "http:h", "file:/a", "data:,", "javascript:x", "blob:sha256:0"]
    assert [text for text in addresses if not looks_like_address(text)] == []
    assert [text for text in ("a.jpg", "/a://b", "scan:12.jpg", "C:\\a.jpg", ":", "") if looks_like_address(text)] == []


def test_a_path_travels_as_it_stands_unless_json_cannot_carry_it() -> None:
    assert file_uri("/a %41?#ü.jpg") == "/a %41?#ü.jpg"
    odd = os.fsdecode(b"/a %41?#\xc3\xbc\xff.jpg")
    assert file_uri(odd) == "file:///a%20%2541%3F%23%C3%BC%FF.jpg"
    assert parse_reference(file_uri(odd)) == FileReference(odd)


@pytest.mark.parametrize(
    "uri", ["http://h/\ud800", "file:///\ud800", "http://" + "a" * 64 + "/", "http://-a/", "s3://b"]
)
def test_what_is_none_is_refused_and_never_an_error_of_another_kind(uri: str) -> None:
    with pytest.raises(ReferenceRefused) as refused:
        parse_reference(uri)

    assert refused.value.reason == "spelling"
