"""What a run came to, counted as it goes and told at the end. Pure: lines of text, nothing printed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from contract.ledger import JobStatus
from contract.messages import Failure, ImageResult

FAILURES_SHOWN: Final = 20


@dataclass
class Tally:
    succeeded: int = 0
    failed: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    #: The first `FAILURES_SHOWN` failed images: a million failures must not fill the memory.
    failures: list[tuple[str, Failure]] = field(default_factory=list)

    @property
    def done(self) -> int:
        return self.succeeded + self.failed

    def add(self, result: ImageResult) -> None:
        if result.failure is None:
            self.succeeded += 1
            self.labels.update(detection.label for detection in result.detections or ())
            return
        self.failed += 1
        if len(self.failures) < FAILURES_SHOWN:
            self.failures.append((result.image, result.failure))


def summary(tally: Tally, status: JobStatus, results_at: str) -> list[str]:
    """Lines about a run: images, speed, detections by label, each failure with its reason, where the results are."""
    lines = [f"{_images(tally, status)}{_speed(status)}", _detections(tally.labels)]
    if tally.failed:
        lines.append(f"{tally.failed} failed:")
        lines += [f"  {name}  {failure.code}  {failure.message}" for name, failure in tally.failures]
        unnamed = tally.failed - len(tally.failures)
        if unnamed:
            lines.append(f"  … and {unnamed} more, see {results_at}")
    lines.append(f"Results: {results_at}")
    return lines


def _images(tally: Tally, status: JobStatus) -> str:
    images = f"{tally.succeeded} of {status.total} images processed"
    if status.state == "cancelled":
        return f"{images}; job {status.job} was cancelled"
    if status.state == "stopped":
        return f"{images}; job {status.job} was stopped: {status.failed} failures are more than it allows"
    if not status.ended:
        return f"{images} so far; job {status.job} goes on"
    return images


def _speed(status: JobStatus) -> str:
    """From submission to the last result, by Redis' clock; nothing for a job that has not ended."""
    if status.finished is None or not status.done:
        return ""
    seconds = max((status.finished - status.created).total_seconds(), 0.001)
    return f" in {duration(seconds)}, {status.done / seconds:.1f} images/s"


def _detections(labels: Counter[str]) -> str:
    total = labels.total()
    if not total:
        return "nothing detected"
    each = ", ".join(f"{count} {label}" for label, count in labels.most_common())
    return f"{total} detection{'s' if total > 1 else ''}: {each}"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
