"""No secret gets into a log line or into Flower, and what is none stays readable."""

import time

import pytest

from contract.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no Redis at redis://worker:s3cr3t@host:6379/0 (gone)", "no Redis at redis://worker:***@host:6379/0 (gone)"),
        ("rediss://:p@ss:w/rd@host/0", "rediss://:***@host/0"),
        ("redis+sentinel://u:p@a:1/m?sentinel_password=x&a=2", "redis+sentinel://u:***@a:1/m?sentinel_password=***&a=2"),
        ("{'uri': 'https://host/a.jpg?X-Amz-Signature=abc&e=1'}", "{'uri': 'https://host/a.jpg?***'}"),
        ('"S3://bucket/key?versionId=3"', '"S3://bucket/key?***"'),
        ("got Authorization: Bearer abc.def, sorry", "got Authorization: Bearer ***, sorry"),
        ("{'Authorization': 'Basic dTpw'}", "{'Authorization': 'Basic ***'}"),
        ("'https://u:p@h/a.jpg?x=1'", "'https://u:***@h/a.jpg?***'"),
        ("https://h:8443/a?mail=x@y", "https://h:8443/a?***"),
        ("the key vdt_abcdefghijklmnop is unknown", "the key vdt_*** is unknown"),
    ],
)  # fmt: skip
def test_what_is_secret_is_hidden(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "GET https://host/a.jpg answered 404",
        "rediss://host:6380/0?ssl_ca_certs=/etc/ca.crt",
        "is it /images/a?b.jpg at 10:30?",
        "batch 16 → 8 (memory: SIGKILL by the kernel, 1.9 of 2.0 GiB)",
        "worker-1@host listens",
        "http://127.0.0.1:8080/fleet and ana@example.org",
    ],
)
def test_what_is_none_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a" * 50_000 + "://" + "b:" * 50_000,
        "http://" * 20_000,
        "authorization: " * 10_000,
        "authorization" + " " * 100_000,
        "?a_" * 40_000,
        "://x:" + "@" * 100_000,
        "vdt_" * 30_000,
        "redis://h?" + "&password" * 20_000,
    ],
    ids=range(9),
)
def test_a_text_that_was_made_to_take_long_does_not(text):
    begun_s = time.process_time()
    redact(text)
    assert time.process_time() - begun_s < 1.0
