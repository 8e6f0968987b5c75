"""A job as lines: what a line may be, whatever pieces it comes in, and that an error names it."""

import json
from collections.abc import Iterator

import pytest

from contract.errors import VedetteError
from contract.reference_policy import NOTHING, Policy, parse_host_rule
from producer.gateway.limits import Limits
from producer.gateway.lines import job_of_lines
from producer.gateway.schemas import JobSettings

OPTIONS = b'{"model": "defects-small", "min_score": 0.3}\n'


def read(body: bytes, size: int = 1 << 16, policy: Policy = NOTHING) -> tuple[JobSettings, list[tuple[str, str]]]:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    settings, images = job_of_lines(pieces, Limits(line_bytes=200, reference_chars=80), policy)
    return settings, [*images]


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_options_then_images_however_the_body_is_cut(size: int) -> None:
    body = OPTIONS + '"/images/é.jpg"\r\n\n{"name": "gate-7", "uri": "/images/b.jpg"}\n"blob:sha256:'.encode()

    settings, images = read(body + b"0" * 64 + b'"', size)

    assert (settings.model, settings.min_score, settings.batch_size) == ("defects-small", 0.3, None)
    blob = "blob:sha256:" + "0" * 64
    assert images == [("/images/é.jpg", "/images/é.jpg"), ("gate-7", "/images/b.jpg"), (blob, blob)]


def test_a_line_is_read_when_it_has_come_and_no_sooner() -> None:
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number, piece in enumerate([OPTIONS, b'"/a.jpg"\n', b'"/b.jpg"\n']):
            asked.append(number)
            yield piece

    _, images = job_of_lines(pieces(), Limits(), NOTHING)
    assert asked == [0]
    assert next(images) == ("/a.jpg", "/a.jpg")
    assert asked == [0, 1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1: the job's options are missing"),
        (b"\n \n", "line 1: the job's options are missing"),
        (b'"/a.jpg"\n', "line 1: "),
        (b'{"images": []}\n', "line 1: model: Field required"),
        (b'{"model": "m", "images": ["/a.jpg"]}', "line 1: images: Extra inputs"),
        (b'\n{"model": 3}\n', "line 2: model: Input should be a valid string"),
        (OPTIONS + b'"/a.jpg"\nnot json\n', "line 3: body: Invalid JSON"),
        (OPTIONS + b'"/a.jpg"\n\n"a.jpg"\n', "line 4: 'a.jpg' is neither an absolute path"),
        (OPTIONS + b'"/a.jpg" "/b.jpg"\n', "line 2: body: Invalid JSON: trailing"),
        (OPTIONS + b'"/\xff.jpg"\n', "line 2: body: Invalid JSON: invalid unicode"),
        (OPTIONS + b'"/\\ud800.jpg"\n', "line 2: body: Invalid JSON"),
        (OPTIONS + b'"/a\\u0000.jpg"\n', "line 2: '/a\\x00.jpg' is no image"),
        (OPTIONS + b'{"uri": "/a.jpg"}\n', "line 2: "),
        (OPTIONS + b'{"uri": "/a.jpg", "name": "a", "size": 1}\n', "size: Extra inputs"),
        (OPTIONS + b"7\n", "line 2: "),
        (OPTIONS + b'"/' + b"a" * 90 + b'"\n', "line 2: 91 characters; at most 80"),
        (OPTIONS + b'"/' + b"a" * 300 + b'"\n', "line 2: 303 bytes or more; at most 200"),
        (OPTIONS + b'"/a.jpg"\n"' + b"a" * 300, "line 3: 301 bytes or more; at most 200"),
        (OPTIONS + b'"https://img.example.org/a.jpg"\n', "line 2: 'https://img.example.org/a.jpg' is refused (host)"),
        (OPTIONS + b'"gopher://a"\n', "line 2: 'gopher://a' is refused (scheme)"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(body: bytes, says: str) -> None:
    with pytest.raises(VedetteError) as raised:
        read(body)

    assert says in str(raised.value)
    assert raised.value.code in ("invalid_argument", "request_too_large")


def test_an_address_that_is_open_is_an_image() -> None:
    policy = Policy(hosts=(parse_host_rule("img.example.org"),))

    assert read(OPTIONS + json.dumps("https://img.example.org/a.jpg").encode(), policy=policy)[1]
