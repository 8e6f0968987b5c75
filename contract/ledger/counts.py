"""Counters of the fleet, by model: what `vedette:counts:<model>` holds, and how it is written and read.

They outlive workers and jobs. `record`, `close` and `record_last` raise them in the same atomic step as what they
count, so a call that is sent twice counts once. Each model has one hash of some hundred fields at most, for codes,
verdicts and buckets are fixed; a model that is used no more takes its hash along when the registry forgets it.

    images:<succeeded|failed|dead>      failures:<code>      attempts:<verdict|done|handed_back>      kills:<by>
    batch:<bound>, batch:sum            calls by images in them
    seconds:<bound>, seconds:sum        images by what each took; the sum in microseconds
    speed:<machine>:images, :us         images done on a machine class, and the microseconds of one slot that they took
    ratio:<bound>, ratio:sum            calls by peak / predicted memory; the sum in thousandths
    peak:<class>:predicted, :real       bytes of the last such call on a class of worker
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

#: Upper bounds, inclusive; a last bucket without one is `inf`.
BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RATIO_BOUNDS: Final = (0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2)


@dataclass(frozen=True)
class BatchRun:
    """What one model call took, on top of its results."""

    images: int
    #: Decoding, model and reading its outputs.
    took_s: float
    #: Of the slot: `contract.capability.worker_class`.
    worker_class: str = ""
    #: Anonymous bytes of the slot's process: what admission expected at most, and what the guard saw. 0: not known.
    predicted_bytes: int = 0
    peak_bytes: int = 0
    #: Of the worker: `contract.capability.machine_class`; empty: it does not say.
    machine: str = ""


@dataclass(frozen=True)
class Histogram:
    bounds: tuple[float, ...]
    #: One for each bound and one beyond, not cumulative.
    counts: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class ModelCounts:
    images: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    kills: Mapping[str, int] = field(default_factory=dict)
    batch: Histogram = Histogram(BATCH_BOUNDS, (0,) * (len(BATCH_BOUNDS) + 1), 0)
    seconds: Histogram = Histogram(SECONDS_BOUNDS, (0,) * (len(SECONDS_BOUNDS) + 1), 0)
    ratio: Histogram = Histogram(RATIO_BOUNDS, (0,) * (len(RATIO_BOUNDS) + 1), 0)
    #: Class of worker to (predicted, real) bytes of the last call there that was expected to need more than was held.
    peaks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    #: Class of machine to images done there, and the seconds of one slot that they took.
    speeds: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Fields that are not known here are passed over: a newer Vedette counts more."""
        plain: dict[str, dict[str, int]] = {"images": {}, "failures": {}, "attempts": {}, "kills": {}}
        peaks: dict[str, dict[str, int]] = {}
        speeds: dict[str, dict[str, int]] = {}
        for name, text in fields.items():
            kind, _, rest = name.partition(":")
            if kind in plain:
                plain[kind][rest] = int(text)
            elif kind == "peak":
                worker_class, _, which = rest.partition(":")
                peaks.setdefault(worker_class, {})[which] = int(text)
            elif kind == "speed":
                machine, _, which = rest.partition(":")
                speeds.setdefault(machine, {})[which] = int(text)
        return cls(
            **plain,
            batch=_histogram(fields, "batch", BATCH_BOUNDS, 1),
            seconds=_histogram(fields, "seconds", SECONDS_BOUNDS, 1_000_000),
            ratio=_histogram(fields, "ratio", RATIO_BOUNDS, 1000),
            peaks={name: (each.get("predicted", 0), each.get("real", 0)) for name, each in peaks.items()},
            speeds={name: (each.get("images", 0), each.get("us", 0) / 1_000_000) for name, each in speeds.items()},
        )


def additions(run: BatchRun) -> dict[str, int]:
    """What a call adds to the fields of its model.

    A call of 8 images in 2 s adds 1 to `batch:8`, and 8 to `seconds:0.25`.
    """
    each_s = run.took_s / run.images
    added = {
        **_observed("batch", BATCH_BOUNDS, run.images, 1, run.images),
        **_observed("seconds", SECONDS_BOUNDS, each_s, run.images, round(run.took_s * 1_000_000)),
    }
    if run.machine:
        added |= {f"speed:{run.machine}:images": run.images, f"speed:{run.machine}:us": round(run.took_s * 1_000_000)}
    if run.predicted_bytes > 0 and run.peak_bytes > 0:
        ratio = run.peak_bytes / run.predicted_bytes
        added |= _observed("ratio", RATIO_BOUNDS, ratio, 1, round(ratio * 1000))
    return added


def latest(run: BatchRun) -> dict[str, int]:
    """What a call replaces."""
    if not (run.predicted_bytes > 0 and run.peak_bytes > 0 and run.worker_class):
        return {}
    return {
        f"peak:{run.worker_class}:predicted": run.predicted_bytes,
        f"peak:{run.worker_class}:real": run.peak_bytes,
    }


def _observed(name: str, bounds: Sequence[float], value: float, times: int, total: int) -> dict[str, int]:
    return {f"{name}:{_bound(bounds, bisect_left(bounds, value))}": times, f"{name}:sum": total}


def _bound(bounds: Sequence[float], place: int) -> str:
    return f"{bounds[place]:g}" if place < len(bounds) else "inf"


def _histogram(fields: Mapping[str, str], name: str, bounds: tuple[float, ...], unit: int) -> Histogram:
    counts = tuple(int(fields.get(f"{name}:{_bound(bounds, place)}", 0)) for place in range(len(bounds) + 1))
    return Histogram(bounds, counts, int(fields.get(f"{name}:sum", 0)) / unit)
