"""What a profiling child is asked on stdin, and what it reports on stdout: one JSON document each."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from contract.model_spec import ModelSpec
from workers.isolation.raised import Raised


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Part):
    """`batch` images of `width_px` × `height_px` in one call of the engine, with so many intra-op threads."""

    batch: int = Field(ge=1)
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    threads: int = Field(ge=1)

    @property
    def megapixels(self) -> float:
        return self.width_px * self.height_px / 1e6

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.batch} × {self.megapixels:.1f} MP, {threads}"


class Request(_Part):
    #: Of `saved_model.pb`.
    directory: Path
    spec: ModelSpec
    load: Load
    #: Anonymous bytes beyond which the child ends itself.
    budget_bytes: int = Field(gt=0)
    #: Calls are repeated for so long, and for at least so many times: `workers.profile.child.enough`.
    repeat_s: float = Field(gt=0)
    #: Smaller batches that are timed in turn with the load.
    beside: tuple[int, ...] = ()


class Report(_Part):
    """Seconds and anonymous bytes of every stage, in the order in which they happen."""

    import_s: float
    imported_bytes: int
    load_s: float
    loaded_bytes: int
    #: Of one small image.
    first_call_s: float
    warm_bytes: int
    #: Of each call with the whole load.
    call_s: tuple[float, ...] = Field(min_length=1)
    #: Batch -> the fastest of its calls: the load's, and of those beside it.
    fastest_s: dict[int, float]
    #: After the last call, images given back.
    settled_bytes: int
    peak_bytes: int
    #: Package -> version, of what the figures depend on.
    versions: dict[str, str] = Field(default_factory=dict)


class Answer(_Part):
    """What the child wrote: one of the two."""

    report: Report | None = None
    raised: Raised | None = None
