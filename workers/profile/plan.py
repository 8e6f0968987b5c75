"""Which load comes next, from the model's signature and what was measured so far. Pure.

Five legs, one after the other, each as far as memory, time and its use allow:

    batch    at one size of image: what an image costs, and how far a larger batch is faster
    size     smaller and larger images: what tells the cost of an image from the cost of its pixels
    check    batches that the fit has not seen, for what the fit says of them
    speed    all batches in turn in one process: company that the machine has meets all of them alike
    threads  the best batch with fewer threads
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from contract.model_io import Signature
from workers.profile.best import plateau
from workers.profile.outcome import Outcome, Ran, Stopped
from workers.profile.protocol import Load
from workers.profile.ways.thoroughness import Thoroughness

Leg = Literal["batch", "size", "check", "speed", "threads"]

#: A batch that is faster by less is not worth its memory.
GAIN_MIN: Final = 1.05
#: The fit needs so many batches, faster or not: memory grows less than in proportion.
BATCHES_MIN: Final = 4
#: Speeds are compared for so many times as long as one load is repeated.
SPEED_REPEATS: Final = 8
#: Megapixels of the image that batches are compared at, unless the model is meant for smaller ones.
REFERENCE_MEGAPIXELS: Final = 1.0
_ASPECT: Final = 4 / 3
_GRID_PX: Final = 16


@dataclass(frozen=True)
class Effort:
    #: Batches to try, as long as they pay.
    batches: tuple[int, ...]
    #: (batch, how many times the reference size).
    sizes: tuple[tuple[int, float], ...]
    #: How often the threads are halved.
    halvings: int
    checks: tuple[int, ...]
    #: Calls of one load are repeated for so long.
    repeat_s: float
    #: A load whose call is expected to take longer is left out.
    call_max_s: float
    #: Of one child, import and load included.
    timeout_s: float
    #: Of the search for an engine plan; None: there is none.
    ways: Thoroughness | None = None


#: The least that a fit can be made of: seconds, for a first try.
MINIMAL: Final = Effort(
    batches=(1, 4), sizes=((1, 0.25),), halvings=0, checks=(), repeat_s=0.2, call_max_s=10.0, timeout_s=300.0
)
#: A minute on two cores for a small model.
QUICK: Final = Effort(
    batches=(1, 2, 8, 24),
    sizes=((1, 0.25), (1, 4.0), (4, 4.0)),
    halvings=1,
    checks=(4, 16),
    repeat_s=0.6,
    call_max_s=10.0,
    timeout_s=300.0,
    ways=Thoroughness(repeat_s=1.5, timeout_s=300.0),
)
#: Some minutes; also the size of image that the model is meant for.
THOROUGH: Final = Effort(
    batches=(1, 2, 8, 24, 32, 64),
    sizes=((1, 0.25), (8, 0.25), (1, 2.0), (1, 4.0), (4, 4.0), (1, 8.0)),
    halvings=6,
    checks=(1, 4, 16),
    repeat_s=3.0,
    call_max_s=60.0,
    timeout_s=900.0,
    ways=Thoroughness(repeat_s=6.0, timeout_s=900.0, all_ways=True),
)


@dataclass(frozen=True)
class Step:
    leg: Leg
    load: Load
    #: Smaller batches that are timed in turn with it.
    beside: tuple[int, ...] = ()

    def repeat_s(self, effort: Effort) -> float:
        return effort.repeat_s * (SPEED_REPEATS if self.leg in ("speed", "threads") else 1)


@dataclass(frozen=True)
class Taken:
    step: Step
    outcome: Outcome


def next_step(
    signature: Signature, image_megapixels: float, threads: int, effort: Effort, taken: Sequence[Taken]
) -> Step | None:
    """The next load to measure; None when there is nothing left to learn."""
    for step in _steps(signature, image_megapixels, threads, effort, taken):
        if _is_new(step, taken) and not _out_of_reach(step.load, signature, effort, taken):
            return step
    return None


def frame(megapixels: float) -> tuple[int, int]:
    """Width and height of a picture of about so many megapixels, 4:3: `(1152, 864)` of one."""
    height_px = math.sqrt(megapixels * 1e6 / _ASPECT)
    return _on_grid(height_px * _ASPECT), _on_grid(height_px)


def reference_megapixels(image_megapixels: float) -> float:
    return min(REFERENCE_MEGAPIXELS, image_megapixels)


def _on_grid(side_px: float) -> int:
    return max(_GRID_PX, round(side_px / _GRID_PX) * _GRID_PX)


def _steps(
    signature: Signature, image_megapixels: float, threads: int, effort: Effort, taken: Sequence[Taken]
) -> Iterator[Step]:
    """Every load of the plan as it stands now, those that were taken too."""
    reference = reference_megapixels(image_megapixels)
    yield from (Step("batch", _load(batch, reference, threads)) for batch in _batches(signature, effort, taken))
    sizes = [(batch, reference * factor) for batch, factor in effort.sizes]
    if effort is THOROUGH and image_megapixels > reference:
        sizes.append((1, image_megapixels))
    yield from (Step("size", _load(batch, megapixels, threads)) for batch, megapixels in sizes)
    yield from (Step("check", _load(batch, reference, threads)) for batch in effort.checks)
    comparable = _comparable(effort, taken)
    if len(comparable) > 1:
        yield Step("speed", _load(comparable[-1], reference, threads), tuple(comparable[:-1]))
    best = plateau(speeds(taken))
    for halving in range(1, effort.halvings + 1):
        if best is not None and threads >> halving:
            yield Step("threads", _load(best, reference, threads >> halving))


def _load(batch: int, megapixels: float, threads: int) -> Load:
    width_px, height_px = frame(megapixels)
    return Load(batch=batch, width_px=width_px, height_px=height_px, threads=threads)


def _batches(signature: Signature, effort: Effort, taken: Sequence[Taken]) -> list[int]:
    """As far as they pay. A signature of a fixed number is tried with multiples of it, which waste nothing."""
    step = signature.batch if isinstance(signature.batch, int) else 1
    batches = sorted({math.ceil(batch / step) * step for batch in effort.batches})
    known = _ran(taken, "batch")
    for tried, batch in enumerate(batches, 1):
        if batch not in known:
            break
        before = [known[smaller].images_per_s for smaller in batches[: tried - 1] if smaller in known]
        if tried >= BATCHES_MIN and known[batch].images_per_s < GAIN_MIN * max(before):
            return batches[:tried]
    return batches


def speeds(taken: Sequence[Taken]) -> dict[int, float]:
    """Batch -> images per second at the reference size: compared in one process where they could be."""
    found = {batch: ran.images_per_s for batch, ran in _ran(taken, "batch", "check").items()}
    for ran in _ran(taken, "speed").values():
        found = ran.speeds
    return found


def _ran(taken: Sequence[Taken], *legs: Leg) -> dict[int, Ran]:
    return {one.step.load.batch: one.outcome for one in taken if one.step.leg in legs and isinstance(one.outcome, Ran)}


def _comparable(effort: Effort, taken: Sequence[Taken]) -> list[int]:
    """Batches that ran and are quick enough to be run many times, smallest first."""
    ran = _ran(taken, "batch", "check")
    return sorted(batch for batch, one in ran.items() if batch / one.images_per_s < effort.call_max_s / len(ran))


def _is_new(step: Step, taken: Sequence[Taken]) -> bool:
    """Speeds are compared once. A check of batch 1, which every fit has seen, is a second look at it."""
    if step.leg == "speed" or (step.leg == "check" and step.load.batch == 1):
        return all((one.step.leg, one.step.load.batch) != (step.leg, step.load.batch) for one in taken)
    return all(one.step.load != step.load for one in taken if one.step.leg != "speed")


def _out_of_reach(load: Load, signature: Signature, effort: Effort, taken: Sequence[Taken]) -> bool:
    """Something smaller did not fit, or a call would take too long by what smaller images took."""
    smaller = [one.outcome for one in taken if one.step.load.megapixels <= load.megapixels]
    if any(isinstance(outcome, Stopped) and outcome.load.batch <= load.batch for outcome in smaller):
        return True
    expected_s = [
        _expected_s(load, signature, outcome)
        for outcome in smaller
        if isinstance(outcome, Ran) and outcome.load.threads >= load.threads
    ]
    return bool(expected_s) and min(expected_s) > effort.call_max_s


def _expected_s(load: Load, signature: Signature, ran: Ran) -> float:
    """Of a call, were images and threads all that counts; pixels count where the model sees them."""
    sees_pixels = not signature.size_px and not signature.resizes_to_px
    size = load.megapixels / ran.load.megapixels if sees_pixels else 1.0
    return load.batch * size * (ran.load.threads / load.threads) / ran.images_per_s
