"""Reads the Dockerfile into stages, as far as this project writes Dockerfiles. What it does not know, it refuses."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parents[2] / "Dockerfile"
KNOWN: Final = {"RUN", "COPY", "ENV", "ARG", "WORKDIR", "USER", "CMD", "ENTRYPOINT", "STOPSIGNAL"}


@dataclass(frozen=True)
class Step:
    line: int
    word: str
    #: `--mount=type=…` and the like, in order: ("mount", "type=…").
    flags: tuple[tuple[str, str], ...]
    rest: str

    @property
    def mounts(self) -> list[dict[str, str]]:
        """Of `RUN --mount`: type, source, target, from."""
        given = [dict(part.partition("=")[::2] for part in text.split(",")) for name, text in self.flags]
        assert all(name == "mount" for name, _ in self.flags), f"line {self.line}: {self.flags} is not known here"
        return given

    @property
    def argv(self) -> list[str]:
        """Of RUN, CMD and ENTRYPOINT: the exec form as it is, the other one for a shell."""
        return json.loads(self.rest) if self.rest.startswith("[") else ["/bin/sh", "-c", self.rest]

    @property
    def variables(self) -> dict[str, str]:
        """Of ENV."""
        return dict(pair.partition("=")[::2] for pair in re.findall(r"[A-Za-z_]\w*=\S*", self.rest))


@dataclass
class Stage:
    name: str
    #: A stage, or an image of others.
    base: str
    steps: list[Step] = field(default_factory=list)


def stages(text: str | None = None) -> dict[str, Stage]:
    """In order. AssertionError for an instruction that is not known here, with its line."""
    found: dict[str, Stage] = {}
    current: Stage | None = None
    for step in _steps(FILE.read_text(encoding="utf-8") if text is None else text):
        if step.word == "FROM":
            base, _, name = re.fullmatch(r"(\S+)(\s+AS\s+(\S+))?", step.rest).groups()  # type: ignore[union-attr]
            current = found[name or base] = Stage(name or base, base)
            continue
        assert step.word in KNOWN, f"Dockerfile, line {step.line}: {step.word} is not known to tests/support/dockerfile"
        assert current is not None, f"Dockerfile, line {step.line}: before any FROM"
        current.steps.append(step)
    return found


def _steps(text: str) -> Iterator[Step]:
    said, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not (line.strip() or said):
            continue
        first = first if said else number
        said += line.strip()
        if said.endswith("\\"):
            said = said[:-1] + " "
            continue
        word, _, rest = said.partition(" ")
        flags = []
        while found := re.match(r"\s*--(\w+)=(\S+)\s+", rest):
            flags.append((found[1], found[2]))
            rest = rest[found.end() :]
        yield Step(first, word.upper(), tuple(flags), rest.strip())
        said = ""
