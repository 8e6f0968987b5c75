"""What docs/protocol.md promises, for tests that hold a running system against it."""

import re
from pathlib import Path

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"

#: A row of the table of keys: its first column is the key in backticks, with <…> for what varies.
_ROW = re.compile(r"^\| `(?P<key>[^`]+)` \|")
_PLACEHOLDER = re.compile(r"(<[^>]+>)")


def documented_patterns() -> list[re.Pattern[str]]:
    """One pattern for each Redis key in the tables under the heading "Redis keys"."""
    return [_pattern(key) for key in documented_keys()]


def documented_keys() -> list[str]:
    """The keys as they are written there: `vedette:job:<job>`."""
    found = []
    inside = False
    for line in PROTOCOL.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            inside = line == "## Redis keys"
        row = _ROW.match(line)
        if inside and row is not None:
            found.append(row["key"])
    assert found, f"{PROTOCOL} has no table under '## Redis keys'"
    return found


def _pattern(key: str) -> re.Pattern[str]:
    # A placeholder stands for one part: it does not reach over the next colon.
    parts = ("[^:]+" if part.startswith("<") else re.escape(part) for part in _PLACEHOLDER.split(key))
    return re.compile("".join(parts))
