"""docker-compose.yml as an engine would see it: merged, with variables filled in. No engine runs where tests do."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from contract.memory import parse_bytes

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "docker-compose.yml"
_VARIABLE: Final = re.compile(
    r"\$(?:\$|(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?])(?P<rest>[^}]*))?\})"
)


class Missing(Exception):
    """A variable that must be given: `${NAME:?message}`."""


def filled(text: str, variables: Mapping[str, str]) -> str:
    """`text` after Compose's interpolation, as far as the file uses it: `$$`, `${A}`, `${A:-b}`, `${A:?c}`."""

    def one(match: re.Match[str]) -> str:
        name = match["name"] or match["bare"]
        if name is None:
            return "$"
        value = variables.get(name, "")
        if value:
            return value
        if match["how"] in ("?", ":?"):
            raise Missing(f"{name}: {match['rest']}")
        return match["rest"] or ""

    return _VARIABLE.sub(one, text)


def load(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole document, merged; `variables` None: with the `${…}` left in it."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return document if variables is None else _filled_all(document, variables)


def _filled_all(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return filled(node, variables)
    if isinstance(node, list):
        return [_filled_all(each, variables) for each in node]
    if isinstance(node, dict):
        return {key: _filled_all(value, variables) for key, value in node.items()}
    return node


@dataclass(frozen=True)
class Service:
    """One service, with the parts that are written in several ways brought into one."""

    name: str
    raw: dict[str, Any]

    @property
    def profiles(self) -> list[str]:
        return self.raw.get("profiles", [])

    @property
    def runs_on(self) -> bool:
        """Whether it stays up; the others are commands for one call."""
        return "command" not in self.profiles

    @property
    def environment(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.raw.get("environment", {}).items()}

    @property
    def target(self) -> str | None:
        """The stage of the Dockerfile that it runs; None for an image of others."""
        return self.raw.get("build", {}).get("target")

    @property
    def memory_bytes(self) -> int:
        return parse_bytes(self.raw["mem_limit"])

    @property
    def grace_s(self) -> float:
        return seconds(self.raw["stop_grace_period"])

    @property
    def command(self) -> list[str]:
        """What is run, after `entrypoint`."""
        return [*_words(self.raw.get("entrypoint", [])), *_words(self.raw.get("command", []))]

    @property
    def health_command(self) -> list[str]:
        kind, *rest = self.raw["healthcheck"]["test"]
        return ["/bin/sh", "-c", *rest] if kind == "CMD-SHELL" else rest

    @property
    def volumes(self) -> list[tuple[str | None, str, bool]]:
        """(source, target, read-only); the source of an anonymous volume is None."""
        found: list[tuple[str | None, str, bool]] = []
        for text in self.raw.get("volumes", []):
            parts = text.split(":")
            source, target = (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
            found.append((source, target, parts[-1] == "ro"))
        return found

    @property
    def tmpfs(self) -> list[tuple[str, str]]:
        """(target, options)."""
        return [(target, options) for target, _, options in (each.partition(":") for each in self.raw.get("tmpfs", []))]


def services(variables: Mapping[str, str] | None = None) -> dict[str, Service]:
    return {name: Service(name, raw) for name, raw in load(variables)["services"].items()}


def seconds(text: str) -> float:
    """Of Compose's `150s`, `2m30s`."""
    found = re.fullmatch(r"(?:(\d+)m)?(?:([\d.]+)s)?", text)
    assert found, f"{text!r} is no duration that this project writes"
    return 60 * float(found[1] or 0) + float(found[2] or 0)


def _words(command: Any) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
