"""`multipart/form-data` as it comes: one part after the other, each held as a whole and no longer than it is looked at.

python-multipart finds the boundaries; Starlette's own reader would keep all parts, in files, before it gives the first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from producer.errors import InvalidArgument
from producer.gateway.errors import RequestMalformed, RequestTooLarge
from producer.gateway.limits import Limits
from producer.gateway.named_images import check_name
from producer.gateway.schemas import JobSettings
from producer.gateway.uploads import read


@dataclass
class Part:
    name: str
    #: None: a field that is no file.
    filename: str | None
    content: bytearray = field(default_factory=bytearray)


def parts(pieces: Iterable[bytes], content_type: str, *, file_bytes: int, field_bytes: int) -> Iterator[Part]:
    """Each part of the form, once it has come. RequestMalformed for what is no form; RequestTooLarge names the part."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise RequestMalformed("Content-Type: multipart/form-data has no boundary")
    reader = _Reader(file_bytes, field_bytes)
    try:
        parser = MultipartParser(boundary, reader.callbacks)  # type: ignore[arg-type]
        for piece in pieces:
            parser.write(piece)
            yield from reader.taken()
        parser.finalize()
    except FormParserError as error:
        raise RequestMalformed(f"the body is no form: {error}") from None
    if not reader.ended:
        raise RequestMalformed("the form ends before its last boundary")


def items_of(found: Iterable[Part], limits: Limits) -> Iterator[JobSettings | tuple[str, bytes]]:
    """The part `job`, and of each file among `images` its name and bytes, in the order in which they come."""
    place, settings = 0, None
    for part in found:
        if part.name == "job":
            if settings is not None:
                raise InvalidArgument("job: there are two parts with this name; expected one")
            settings = read(JobSettings, bytes(part.content), "job: ")
            yield settings
        elif part.name == "images" and part.filename:
            where = f"images[{place}]"
            if place >= limits.images:
                raise RequestTooLarge(f"{where}: at most {limits.images} files are taken at once. Submit several jobs.")
            check_name(where, part.filename, limits)
            if "\0" in part.filename:
                raise InvalidArgument(f"{where}: {part.filename!r:.200}: no name of a file has a NUL in it")
            if not part.content:
                raise InvalidArgument(f"{where}: {part.filename!r:.200}: 0 bytes came; expected an image")
            place += 1
            yield part.filename, bytes(part.content)
        else:
            raise InvalidArgument(
                f"{part.name!r:.200}: expected a part `job` with the options, and parts `images`, each with a file"
            )


class _Reader:
    """What the parser calls."""

    def __init__(self, file_bytes: int, field_bytes: int) -> None:
        self._file_bytes = file_bytes
        self._field_bytes = field_bytes
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._part: Part | None = None
        self._done: list[Part] = []
        self.ended = False
        self.callbacks: Final = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._end_all,
        }

    def taken(self) -> Iterator[Part]:
        while self._done:
            yield self._done.pop(0)

    def _begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        if bytes(self._header[0]).lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise RequestMalformed("a part of the form has no name")
        filename = options.get(b"filename")
        self._part = Part(_text(options[b"name"]), None if filename is None else _text(filename))

    def _data(self, data: bytes, start: int, end: int) -> None:
        assert self._part is not None
        most = self._field_bytes if self._part.filename is None else self._file_bytes
        if len(self._part.content) + end - start > most:
            shown = (
                self._part.name if self._part.filename is None else f"{self._part.name} {self._part.filename!r:.200}"
            )
            raise RequestTooLarge(f"{shown}: more than {most} bytes, which is the most that a part may have")
        self._part.content += data[start:end]

    def _end(self) -> None:
        assert self._part is not None
        self._done.append(self._part)
        self._part = None

    def _end_all(self) -> None:
        self.ended = True


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidArgument(f"{value!r:.200}: expected the name of a part, or of its file, in UTF-8") from None
