"""What the doctor says: findings, each a value of its own, and the report that they make up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from contract.capability import Capability

#: Of the JSON document. Raised when a field changes its meaning or goes; new fields and codes may come without.
SCHEMA: Final = 1

#: `ok` a fact; `note` worth knowing; `warning` works, but badly or not for long; `problem` does not work.
Level = Literal["ok", "note", "warning", "problem"]
Topic = Literal["cpu", "memory", "tensorflow", "packages", "redis", "model"]
TOPICS: Final[tuple[Topic, ...]] = ("cpu", "memory", "tensorflow", "packages", "redis", "model")


@dataclass(frozen=True)
class Finding:
    #: Stable; of a failed preflight, its diagnosis' code (`workers.preflight.symptoms`).
    code: str
    level: Level
    topic: Topic
    #: What was seen, with numbers: one sentence or less.
    seen: str
    #: Why it matters, or what it comes from; "" for a plain fact.
    why: str = ""
    #: What to do, with commands where there are any; every warning and problem has one.
    remedy: str = ""
    #: More of what was seen, a line each.
    details: tuple[str, ...] = ()
    #: The same for machines; units are in the names.
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    findings: tuple[Finding, ...]
    #: What a worker without caps would advertise; None for a machine that can run none.
    capability: Capability | None

    @property
    def healthy(self) -> bool:
        """No problem: a worker can run here, and so can the model, if one was asked for."""
        return not self.at("problem")

    def at(self, level: Level) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == level]

    def about(self, topic: Topic) -> list[Finding]:
        return [finding for finding in self.findings if finding.topic == topic]

    def as_json(self) -> dict[str, Any]:
        """Plain values; `capability` is spelled as in a worker's advert."""
        return {
            "schema": SCHEMA,
            "healthy": self.healthy,
            "capability": None if self.capability is None else self.capability.model_dump(mode="json"),
            "findings": [{**asdict(finding), "numbers": dict(finding.numbers)} for finding in self.findings],
        }
