"""A job as a form: its parts, however the body is cut, and what is refused."""

from collections.abc import Sequence

import httpx
import pytest

from contract.errors import VedetteError
from producer.gateway.form import Part, items_of, parts
from producer.gateway.limits import Limits
from producer.gateway.schemas import JobSettings

JOB = ("job", (None, b'{"model": "defects-small"}', "application/json"))
BYTES = bytes(range(256)) * 4 + b"\r\n--"


def body_of(*files: tuple[str, tuple[str | None, bytes, str]]) -> tuple[str, bytes]:
    request = httpx.Request("POST", "http://gateway", files=files)
    return request.headers["content-type"], request.read()


def read(content_type: str, body: bytes, size: int = 1 << 16) -> Sequence[Part]:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return [*parts(pieces, content_type, file_bytes=2000, field_bytes=100)]


def image(name: str, content: bytes = BYTES) -> tuple[str, tuple[str | None, bytes, str]]:
    return ("images", (name, content, "image/jpeg"))


@pytest.mark.parametrize("size", [1, 61, 1 << 16])
def test_parts_come_as_they_were_however_the_body_is_cut(size: int) -> None:
    content_type, body = body_of(JOB, image("é b.jpg"), image("b.jpg", b"\r\n"))

    read_parts = read(content_type, body, size)

    assert [(part.name, part.filename) for part in read_parts] == [
        ("job", None),
        ("images", "é b.jpg"),
        ("images", "b.jpg"),
    ]
    assert [bytes(part.content) for part in read_parts] == [JOB[1][1], BYTES, b"\r\n"]
    settings, *images = items_of(read_parts, Limits())
    assert settings == JobSettings(model="defects-small")
    assert images == [("é b.jpg", BYTES), ("b.jpg", b"\r\n")]


def test_a_part_is_given_when_it_has_come() -> None:
    content_type, body = body_of(JOB, image("a.jpg"), image("b.jpg"))
    at = body.index(b"b.jpg")
    asked = []

    def pieces():
        yield body[:at]
        asked.append("rest")
        yield body[at:]

    found = parts(pieces(), content_type, file_bytes=2000, field_bytes=100)

    assert [next(found).filename, next(found).filename] == [None, "a.jpg"]
    assert asked == []


@pytest.mark.parametrize(
    ("content_type", "body", "says"),
    [
        ("multipart/form-data", b"", "has no boundary"),
        ("multipart/form-data; boundary=x", b"", "ends before its last boundary"),
        ("multipart/form-data; boundary=x", b"no form", "the body is no form"),
        ("multipart/form-data; boundary=" + "x" * 400, b"", "the body is no form"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nv\r\n--x--\r\n", "has no name"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n", "has no name"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n{',
            "ends before its last boundary",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="images"; filename="\xff"\r\n\r\n{',
            "in UTF-8",
        ),
        (*body_of(JOB, image("a.jpg", b"x" * 2001)), "images 'a.jpg': more than 2000 bytes"),
        (*body_of(("job", (None, b"x" * 101, "text/plain"))), "job: more than 100 bytes"),
    ],
    ids=range(10),  # boundaries are drawn, and processes that share the tests must name them alike
)
def test_what_is_no_form(content_type: str, body: bytes, says: str) -> None:
    with pytest.raises(VedetteError) as raised:
        read(content_type, body)

    assert says in str(raised.value)
    assert raised.value.code in ("request_malformed", "request_too_large", "invalid_argument")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([JOB, JOB], "job: there are two parts"),
        ([("job", (None, b"{}", "application/json"))], "job: model: Field required"),
        ([("image", ("a.jpg", b"x", "image/jpeg"))], "'image': expected a part `job`"),
        ([("images", (None, b"x", "image/jpeg"))], "'images': expected"),
        ([JOB, image("a.jpg"), image("b.jpg", b"")], "images[1]: 'b.jpg': 0 bytes came"),
        ([image("a" * 70)], "images[0]: 70 characters; at most 60"),
        ([image("a"), image("b"), image("c")], "images[2]: at most 2 files"),
    ],
)
def test_a_form_that_is_no_job(files: list[tuple[str, tuple[str | None, bytes, str]]], says: str) -> None:
    found = read(*body_of(*files))

    with pytest.raises(VedetteError) as raised:
        list(items_of(found, Limits(images=2, reference_chars=60)))

    assert says in str(raised.value)
