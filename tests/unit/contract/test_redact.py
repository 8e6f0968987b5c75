"""No secret gets into a log line or into Flower, and what is none stays readable."""

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
    ],
)
def test_what_is_none_stays(text):
    assert redact(text) == text
