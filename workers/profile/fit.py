"""From measured peaks to the three numbers of a model's memory table, and how far off they are. Pure arithmetic.

The formula is the one by which a batch is admitted (`contract.batch_memory`):

    bytes = base + fed × (per_image + megapixels × per_megapixel)

`base` is at least what a process holds after its first call, and no cost is negative. Of all such planes, the one that
lies 1 % above every measured peak and otherwise, as a share of the peak, as little above as can be: a promise may be
too dear, must not be too cheap, and shall be right within some percent for 300 MB as for 3 GB. Memory grows less than
in proportion where the allocator uses again what it has, so a least-squares plane would be far off at one end. Where
that makes even this plane more than 12 % too dear somewhere, it may lie 2 % below peaks instead; who admits by it adds
15 % (`contract.model_spec.MEMORY_MARGIN`).

That is a linear programme in four unknowns, small enough to look at every corner of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from contract.batch_memory import BatchKind, fed, peak_bytes, waiting_bytes
from contract.model_spec import Memory

#: Of relative errors: what differs less is equal.
_TOLERANCE: Final = 1e-6
#: Two fresh processes with the same load peak about so far apart.
RUN_TO_RUN: Final = 1.01
#: A plane that is further off than this, as a share of the peak, …
_TOO_DEAR: Final = 0.12
#: … may lie below peaks, at so much of them.
BELOW: Final = 0.98

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    images: int
    megapixels: float
    peak_bytes: int


def fit(samples: Sequence[Sample], warm_bytes: int, batch: BatchKind = "dynamic") -> Memory:
    """`warm_bytes`: of a process that has made its first, small call. At least one sample.

    A cost that the samples cannot tell from another one (only one batch size ran, or the signature takes one image)
    goes where it is dearer for larger batches: to the pixels rather than the images, to those rather than the base.
    """
    peaks = np.array([sample.peak_bytes for sample in samples], np.float64)
    waiting = np.array([waiting_bytes(batch, sample.images, sample.megapixels) for sample in samples], np.float64)
    images = np.array([fed(batch, sample.images) for sample in samples], np.float64)
    area = images * [sample.megapixels for sample in samples]
    design = np.stack([np.ones(len(samples)), images, area], axis=1)

    def plane(of_peaks: float) -> Memory:
        target = np.maximum(peaks * of_peaks - waiting - warm_bytes, 0.0)
        extra, per_image, per_megapixel = _least_cover(design, target, peaks)
        memory = Memory(
            base_bytes=math.ceil(warm_bytes + extra),
            per_image_bytes=math.ceil(per_image),
            per_megapixel_bytes=math.ceil(per_megapixel),
        )
        largest = max(abs(error(memory, sample, batch)) for sample in samples)
        return memory.model_copy(update={"fit_error": round(largest, 4)})

    above = plane(RUN_TO_RUN)
    return above if (above.fit_error or 0) <= _TOO_DEAR else plane(BELOW)


def error(memory: Memory, sample: Sample, batch: BatchKind) -> float:
    """0.1: ten percent more was predicted than measured; -0.1: ten percent less."""
    predicted = peak_bytes(memory, batch, sample.images, sample.megapixels)
    return (predicted - sample.peak_bytes) / sample.peak_bytes


def _least_cover(design: npt.NDArray[np.float64], target: Vector, scale: Vector) -> Vector:
    """x ≥ 0 with design @ x ≥ target, for which the largest (design @ x - target) / scale is least.

    With t for that largest one, the optimum is a corner of
        design @ x ≥ target,  design @ x - scale × t ≤ target,  x ≥ 0
    where four of these hold exactly. Among equals: least squares, then the smallest first numbers.
    """
    count, unknowns = design.shape
    shares = design / scale[:, None]
    units = np.maximum(shares.max(axis=0), np.finfo(np.float64).tiny)  # a matrix of ones, or a singular one would hide
    rows = np.block([
        [shares / units, np.zeros((count, 1))],
        [shares / units, -np.ones((count, 1))],
        [np.eye(unknowns), np.zeros((unknowns, 1))],
    ])  # fmt: skip
    right = np.concatenate([target / scale, target / scale, np.zeros(unknowns)])
    corners = np.array(list(combinations(range(len(rows)), unknowns + 1)))
    corners = corners[np.abs(np.linalg.det(rows[corners])) > _TOLERANCE]
    found = np.linalg.solve(rows[corners], right[corners][..., None])[..., :-1, 0]
    over = found @ (shares / units).T - target / scale
    feasible = (found >= -_TOLERANCE).all(axis=1) & (over >= -_TOLERANCE).all(axis=1)
    x, over = np.maximum(found[feasible], 0.0) / units, over[feasible]
    best = np.flatnonzero(over.max(axis=1) <= over.max(axis=1).min() + _TOLERANCE)
    squares = np.round(np.sum(over[best] ** 2, axis=1), 6)
    order = np.lexsort((x[best, 1], x[best, 0], squares))
    return np.asarray(x[best[order[0]]])
