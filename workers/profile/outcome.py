"""What becomes of a load: it ran, or it does not fit."""

from dataclasses import dataclass
from typing import Literal

from workers.profile.protocol import Load, Report


@dataclass(frozen=True)
class Ran:
    load: Load
    report: Report
    #: The higher of what the child and its parent saw.
    peak_bytes: int

    @property
    def images_per_s(self) -> float:
        """By the fastest call: whatever else runs on the machine only ever adds time."""
        return self.speeds[self.load.batch]

    @property
    def speeds(self) -> dict[int, float]:
        """Batch -> images per second, of the load and of what was timed in turn with it."""
        return {batch: batch / fastest_s for batch, fastest_s in self.report.fastest_s.items()}

    def __str__(self) -> str:
        return f"{self.load}: {self.peak_bytes / 1e6:.0f} MB at its peak, {self.images_per_s:.3g} images/s"


@dataclass(frozen=True)
class Stopped:
    """In memory or in time: a finding, not a failure."""

    load: Load
    why: Literal["memory", "time"]
    detail: str

    def __str__(self) -> str:
        return f"{self.load}: {self.detail}"


Outcome = Ran | Stopped
