"""What a child that times ways to run a model is asked on stdin, and what it reports on stdout."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from contract.engine_plan import EnginePlan
from contract.model_spec import ModelSpec
from workers.isolation.raised import Raised


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(_Part):
    #: Of `saved_model.pb`.
    directory: Path
    spec: ModelSpec
    #: The first is what the others are compared with.
    ways: tuple[EnginePlan, ...] = Field(min_length=1)
    threads: int = Field(ge=1)
    #: Images of one call of a way that takes a batch at once.
    batch: int = Field(ge=1)
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    #: Anonymous bytes beyond which the child ends itself.
    budget_bytes: int = Field(gt=0)
    #: Each way is timed for so long, and for at least some turns: `workers.profile.ways.turns`.
    repeat_s: float = Field(gt=0)


class WayReport(_Part):
    #: As asked.
    way: EnginePlan
    #: By the fastest turn.
    images_per_s: float = Field(gt=0)
    #: What speaks against it; "": nothing.
    against: str = ""


class Report(_Part):
    ways: tuple[WayReport, ...]
    #: Largest anonymous memory until the ways were loaded and had made a small call.
    ready_bytes: int
    #: The same from then on.
    running_bytes: int


class Answer(_Part):
    """What the child wrote: one of the two."""

    report: Report | None = None
    raised: Raised | None = None
