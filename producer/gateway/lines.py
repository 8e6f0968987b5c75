"""A job as lines of JSON: the first has its options, each of the others an image. Pure, and holds one line at a time.

{"model": "defects-small", "min_score": 0.3}
"/images/a.jpg"
{"name": "gate-7", "uri": "/images/b.jpg"}
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from contract.reference_policy import Policy, check_reference
from contract.references import ReferenceRefused, looks_like_address, parse_reference
from producer.errors import InvalidArgument
from producer.gateway.errors import RequestTooLarge, flaws
from producer.gateway.limits import Limits
from producer.gateway.named_images import image_of
from producer.gateway.schemas import JobSettings, NamedImage

Value = TypeVar("Value")

_IMAGE: Final[TypeAdapter[str | NamedImage]] = TypeAdapter(str | NamedImage)


def job_of_lines(
    pieces: Iterable[bytes], limits: Limits, policy: Policy
) -> tuple[JobSettings, Iterator[tuple[str, str]]]:
    """The options, and name and reference of each image. InvalidArgument names the line, counted from 1.

    Lines that are blank are passed over.
    """
    lines = _lines(pieces, limits.line_bytes)
    number, first = next(lines, (1, b""))
    if not first:
        raise InvalidArgument('line 1: the job\'s options are missing; expected for example {"model": "defects-small"}')
    settings = _read(number, first, JobSettings.model_validate_json)
    return settings, _images(lines, limits, policy)


def _images(lines: Iterator[tuple[int, bytes]], limits: Limits, policy: Policy) -> Iterator[tuple[str, str]]:
    for number, line in lines:
        given = _read(number, line, lambda text: _IMAGE.validate_json(text, strict=True))
        name, uri = image_of(f"line {number}", given, limits)
        if "\0" in name + uri or not name:
            raise InvalidArgument(f"line {number}: {name!r:.200} is no image; expected a path or an address")
        if looks_like_address(uri):  # as the Client does, which knows of no lines
            try:
                check_reference(parse_reference(uri), policy)
            except ReferenceRefused as refusal:
                raise InvalidArgument(f"line {number}: {refusal}") from None
        yield name, uri


def _lines(pieces: Iterable[bytes], most_bytes: int) -> Iterator[tuple[int, bytes]]:
    number, rest = 0, b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            _check_length(number, line, most_bytes)
            if line.strip():
                yield number, line
        _check_length(number + 1, rest, most_bytes)
    if rest.strip():
        yield number + 1, rest


def _check_length(number: int, line: bytes, most_bytes: int) -> None:
    if len(line) > most_bytes:
        raise RequestTooLarge(
            f"line {number}: {len(line)} bytes or more; at most {most_bytes} are taken. One image is one line."
        )


def _read(number: int, line: bytes, read: Callable[[bytes], Value]) -> Value:
    try:
        return read(line)
    except ValidationError as error:
        raise InvalidArgument(f"line {number}: {flaws(dict(item) for item in error.errors())}") from None
