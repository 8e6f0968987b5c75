"""What follows from a failed attempt. Pure: values in, a value out; `workers.closing` acts on it."""

from dataclasses import dataclass
from typing import Literal

from contract.ledger.records import Verdict


@dataclass(frozen=True)
class Outcome:
    #: `again`: what is left, as it was; `smaller`: in smaller batches; `dead`: what is left fails with the verdict.
    step: Literal["again", "smaller", "dead"]
    #: For what is put back.
    batch_size: int
    #: For log, event and history: `batch 16 → 8`.
    text: str


def outcome(verdict: Verdict, *, attempt: int, attempts_max: int, batch_size: int) -> Outcome:
    """The next step for the images that the failed attempt left without a result.

    | verdict            | attempts left | batch | step                           |
    |--------------------|---------------|-------|--------------------------------|
    | any                | no            | any   | dead                           |
    | memory             | yes           | > 1   | smaller: half, rounded down    |
    | memory             | yes           | 1     | dead                           |
    | model              | yes           | any   | dead: it would fail again      |
    | cpu, crash, lost … | yes           | any   | again                          |
    """
    if attempt >= attempts_max:
        return Outcome("dead", batch_size, f"given up after {attempt} attempts")
    if verdict == "memory":
        if batch_size == 1:
            return Outcome("dead", 1, "given up: does not fit alone either")
        return Outcome("smaller", batch_size // 2, f"batch {batch_size} → {batch_size // 2}")
    if verdict == "model":
        return Outcome("dead", batch_size, "given up: the model cannot run here")
    return Outcome("again", batch_size, "put back unchanged")
