"""Tables of `model.toml` as text: what differs from the defaults."""

from __future__ import annotations

import json
from typing import Any

from contract.model_io import Part


def table(name: str, part: Part) -> str:
    """`[name]` and a line for each field that is not its default."""
    fields = part.model_dump(mode="json", exclude_defaults=True)
    if hasattr(part, "kind"):
        fields = {"kind": part.kind, **fields}
    return "\n".join([f"[{name}]", *(f"{field} = {_value(value)}" for field, value in fields.items())])


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and truth are spelt alike
