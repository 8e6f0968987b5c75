"""From measured speeds to the best batch and threads. Pure."""

from collections.abc import Mapping
from typing import Final

#: What is within so much of the best is as good: the smaller one costs less.
AS_GOOD: Final = 0.95


def plateau(images_per_s: Mapping[int, float]) -> int | None:
    """The smallest batch, or number of threads, within 5 % of the fastest; None of nothing.

    | images/s              | plateau |
    |-----------------------|---------|
    | 1: 50, 2: 80, 8: 90   | 8       |
    | 1: 50, 2: 86, 8: 90   | 2       |
    | 1: 50, 2: 49          | 1       |
    """
    best = max(images_per_s.values(), default=0.0)
    return min((size for size, speed in images_per_s.items() if speed >= AS_GOOD * best), default=None)
