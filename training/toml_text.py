"""Just enough TOML for model.toml: tables of strings, numbers, lists, and one level of inline tables."""

import json
import re
from typing import Any

BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

Value = str | int | float | bool | list[Any] | dict[str, Any]


def table(name: str, values: dict[str, Value]) -> str:
    """`[name]` and a line per value; without a header when `name` is empty."""
    header = f"[{name}]\n" if name else ""
    return header + "".join(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())


def _key(key: str) -> str:
    return key if key.isdecimal() else _inline_key(key)


def _inline_key(key: str) -> str:
    """Only words stay bare: "1" is quoted here, where it stands next to numbers that are values."""
    return key if BARE_KEY.fullmatch(key) else _value(key)


def _value(value: Value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_inline_key(key)} = {_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    # A JSON string is a TOML basic string, and so are its numbers and truth values.
    return json.dumps(value)
