"""How fast one slot of a class of workers is with a model, and how that is known. Pure.

now       workers of the class were at nothing else in the last minute, all of it, and have told of it
class     all slots of workers of the class that ever ran it: their seconds for each image
fleet     all slots that ever ran it, whatever their class
profile   measured when the model was added, on the machine that the profile names
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from contract.ledger import ModelCounts
from contract.model_spec import ModelSpec, ProfilePoint
from contract.vitals import LATELY_S, Vitals
from producer.fleet.facts import Worker, WorkerClass

Source = Literal["now", "class", "fleet", "profile"]

#: Of a minute; between two tasks, a slot is idle for a moment.
_AT_WORK_LEAST: Final = 0.9
#: Fewer say little: a first call takes several times as long as the others.
IMAGES_MIN: Final = 50


@dataclass(frozen=True)
class Rate:
    """Of one slot."""

    images_per_s: float
    source: Source
    #: For people: of what and when it was measured.
    detail: str


def rate_of(spec: ModelSpec, workers: Iterable[Worker], of: WorkerClass, counts: ModelCounts | None) -> Rate | None:
    """Of a slot of the class `of`; `workers` are those of it that live. None: nobody has measured it."""
    now = _now(spec.ref, [worker.vitals for worker in workers])
    return now or _class(counts, of.machine) or _fleet(counts) or _profile(spec, of.threads)


def _now(ref: str, told: Iterable[Vitals | None]) -> Rate | None:
    """Of workers whose every slot is at the model, and was at no other in the last minute: idle slots are not slow."""
    rates = [
        vitals.images_per_s[ref] / vitals.slots
        for vitals in told
        if vitals is not None
        and vitals.up_s >= LATELY_S
        and (vitals.slots_busy_lately or 0.0) >= _AT_WORK_LEAST * vitals.slots
        and {*vitals.images_per_s} == {ref}
        and len(vitals.each) == vitals.slots > 0
        and all(slot.busy and slot.model == ref for slot in vitals.each)
    ]
    if not rates:
        return None
    which = "1 worker" if len(rates) == 1 else f"the median of {len(rates)} workers"
    return Rate(median(rates), "now", f"in the last minute, {which} of this class")


def _class(counts: ModelCounts | None, machine: str) -> Rate | None:
    images, seconds = (0, 0.0) if counts is None else counts.speeds.get(machine, (0, 0.0))
    if images < IMAGES_MIN or seconds <= 0:
        return None
    return Rate(images / seconds, "class", f"mean of {images:,} images on workers of this class, ever")


def _fleet(counts: ModelCounts | None) -> Rate | None:
    if counts is None or counts.seconds.count < IMAGES_MIN or counts.seconds.sum <= 0:
        return None
    seen = counts.seconds.count
    return Rate(seen / counts.seconds.sum, "fleet", f"mean of {seen:,} images on workers of all classes, ever")


def _profile(spec: ModelSpec, threads: int) -> Rate | None:
    batch = spec.throughput.default_batch
    point = min(spec.profile, key=lambda point: _distance(point, threads, batch, spec), default=None)
    if point is not None:
        return Rate(
            point.images_per_s, "profile", _told(spec, f"{point.threads} thread{'s' if point.threads > 1 else ''}")
        )
    speeds = {int(number): speed for number, speed in spec.throughput.images_per_s.items() if speed > 0}
    if not speeds:
        return None
    nearest = min(speeds, key=lambda number: (abs(number - batch), number))
    return Rate(speeds[nearest], "profile", _told(spec, ""))


def _distance(point: ProfilePoint, threads: int, batch: int, spec: ModelSpec) -> tuple[float, ...]:
    usual = min(1.0, spec.requirement.image_megapixels)
    return abs(point.threads - threads), abs(point.batch - batch), abs(point.megapixels - usual)


def _told(spec: ModelSpec, how: str) -> str:
    measured = spec.throughput.measured or spec.memory.measured
    where = [measured.get("machine", ""), how, measured.get("date", "")]
    return ", ".join(filter(None, where)) or "nobody knows where it was measured"
