"""What the child is asked on stdin, and what it answers on stdout: one JSON document each."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contract.model_io import Outputs, Signature
from workers.isolation.raised import Raised


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(_Part):
    #: Of `saved_model.pb`.
    directory: Path
    #: `name@version` that the model is to have, for messages.
    name: str
    version: str
    #: Tables of `model.toml` that somebody wrote by hand: `signature`, `outputs`, `first_class`.
    override: dict[str, Any] = Field(default_factory=dict)
    threads: int = Field(ge=1)
    #: Anonymous bytes beyond which the child ends itself.
    budget_bytes: int = Field(gt=0)


class Look(_Part):
    """What the SavedModel is, and that it ran so."""

    #: Of the exporter; "" when somebody described the model by hand.
    form: str
    signature: Signature
    outputs: Outputs
    first_class: int
    #: Classes that the model can put out; None where the signature does not tell.
    class_count: int | None
    #: By class id as text; None: somebody must say.
    labels: dict[str, str] | None
    #: Input and outputs of the signature, for people.
    table: str
    notes: tuple[str, ...]
    #: What the trial run gave: rows in all, the best score, the classes among them.
    rows: int
    best_score: float
    class_ids: tuple[int, ...]


class Answer(_Part):
    """One of the two."""

    look: Look | None = None
    raised: Raised | None = None
