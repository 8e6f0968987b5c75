"""Label maps of the Object Detection API: `StringIntLabelMap` in protocol buffers' text format.

Source of the rules: string_int_label_map.proto and label_map_util.py of tensorflow/models: id 0 only for the
background, `display_name` falls back to `name`, of two items with one id the first counts, ids may have gaps. Fields
that are not needed (keypoints, ancestor_ids, frequency, …) are read over, whatever is in them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from contract.errors import LabelsError

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>[-+.\w]+)
      | (?P<mark>[{}<>\[\]:,;])""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_ESCAPED: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_CLOSES: Final = {"{": "}", "<": ">"}
_DEPTH_MAX: Final = 20


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str
    line: int


def parse_pbtxt(text: str, file: str) -> dict[int, str]:
    """Class id to label. LabelsError names `file`, the line and what was expected."""
    reader = _Reader(list(_tokens(text, file)), file)
    labels: dict[int, str] = {}
    while not reader.at_end():
        line, item = reader.line, reader.item()
        number = _id(item, line, reader)
        label = item.get("display_name") or item.get("name")
        if not label:
            reader.fail(line, f"expected a name or display_name in the item with id {number}")
        if number == 0 and "background" not in (item.get("name"), item.get("display_name")):
            reader.fail(line, f"id 0 is kept for the background, and here it is {label!r}: number items from 1")
        labels.setdefault(number, label)
    return labels


def _id(item: dict[str, str], line: int, reader: "_Reader") -> int:
    text = item.get("id")
    if text is None:
        reader.fail(line, f"expected an id in the item {item.get('display_name') or item.get('name') or ''!r}")
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if number < 0:
        reader.fail(line, f"expected an id from 1 (0: background), found {text}")
    return number


def _tokens(text: str, file: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise LabelsError(f"{file}, line {line}: expected an item of a label map, found {text[position]!r}")
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match.group(), line)
        line += match.group().count("\n")
        position = match.end()


class _Reader:
    def __init__(self, tokens: list[_Token], file: str) -> None:
        self._tokens = tokens
        self._file = file
        self._next = 0

    @property
    def line(self) -> int:
        """Line of the next token, or of the last one."""
        return self._tokens[min(self._next, len(self._tokens) - 1)].line if self._tokens else 1

    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def fail(self, line: int, flaw: str) -> NoReturn:
        raise LabelsError(f"{self._file}, line {line}: {flaw}")

    def item(self) -> dict[str, str]:
        """The scalar fields of one `item { … }`, the last of each name."""
        self._expect("item")
        self._skip(":")
        opening = self._expect("{", "<")
        fields: dict[str, str] = {}
        self._fields(fields, _CLOSES[opening], depth=0)
        self._skip(",", ";")
        return fields

    def _fields(self, into: dict[str, str], closing: str, depth: int) -> None:
        while not self._skip(closing):
            name = self._take("the name of a field, or a closing " + closing)
            if name.kind != "word":
                self.fail(name.line, f"expected the name of a field or {closing}, found {name.value}")
            colon = self._skip(":")
            value = self._value(depth, colon, name)
            if value is not None:
                into[name.value] = value
            self._skip(",", ";")

    def _value(self, depth: int, colon: bool, name: _Token) -> str | None:
        """A scalar as text; None for a message or a list, which hold nothing that is needed."""
        if depth > _DEPTH_MAX:
            self.fail(self.line, "nested too deeply for a label map")
        token = self._take(f"a value of {name.value}")
        if token.kind == "text":
            parts = [token.value]
            while not self.at_end() and self._tokens[self._next].kind == "text":  # adjacent strings are one
                parts.append(self._take("text").value)
            return "".join(map(_unescape, parts))
        if token.kind == "word" and colon:
            return token.value
        if token.value in _CLOSES:
            self._fields({}, _CLOSES[token.value], depth + 1)
            return None
        if token.value == "[" and colon:
            while not self._skip("]"):
                if not self._skip(","):
                    self._value(depth + 1, True, name)
            return None
        return self.fail(token.line, f"expected a value of {name.value}, found {token.value}")

    def _take(self, expected: str) -> _Token:
        if self.at_end():
            self.fail(self.line, f"expected {expected}, found the end of the file")
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, *values: str) -> str:
        token = self._take(values[0])
        if token.value not in values:
            self.fail(token.line, f"expected {values[0]}, found {token.value}")
        return token.value

    def _skip(self, *values: str) -> bool:
        found = not self.at_end() and self._tokens[self._next].value in values
        self._next += found
        return found


def _unescape(quoted: str) -> str:
    """The text of a token in quotes. Octal and hexadecimal escapes are bytes of UTF-8."""

    def plain(match: "re.Match[bytes]") -> bytes:
        octal, hexadecimal, letter = match.groups()
        if letter is None:
            return bytes([(int(octal, 8) if octal else int(hexadecimal, 16)) & 0xFF])
        return _ESCAPED.get(letter, letter)

    return _ESCAPE.sub(plain, quoted[1:-1].encode()).decode(errors="replace")
