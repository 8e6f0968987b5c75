"""One reason: a stable code, a sentence, what to do about it."""

from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

#: The most important first: what stops everything, what is over, what nobody can do, what takes its time. A code never
#: changes its meaning; docs/why.md explains them.
Code = Literal[
    "redis_full",
    "redis_read_only",
    "rejected",
    "submitting",
    "cancelled",
    "stopped",
    "dead_letters",
    "done",
    "newer_worker",
    "model_unknown",
    "model_version",
    "model_changed",
    "model_unseen",
    "no_worker",
    "workers_gone",
    "memory_short",
    "cpu_lacking",
    "withdrawn",
    "draining",
    "model_away",
    "lease_over",
    "doorbell_lost",
    "failing",
    "joining",
    "busy",
    "behind",
    "running",
    "soon",
    "batch_limited",
    "unsealed",
    "ready",
]
CODES: Final[tuple[Code, ...]] = get_args(Code)


class Reason(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: Code
    text: str = Field(description="For people, without a full stop", examples=["needs 8 GiB, the largest has 3.5 GiB"])
    remedy: str = Field(default="", description="What to do; empty where nothing has to be done")
    details: dict[str, Any] = Field(default_factory=dict, description="The numbers and names of the text")


def by_importance(reasons: list[Reason]) -> list[Reason]:
    """The same twice is said once: tasks of one job meet the same fate."""
    once: dict[tuple[Code, str], Reason] = {}
    for reason in reasons:
        once.setdefault((reason.code, reason.text), reason)
    return sorted(once.values(), key=lambda reason: CODES.index(reason.code))
