"""Which plates are for learning and which are for judging.

Covers: seed ranges, plate sizes. Does not cover: how a plate looks (vedette.plates).
"""

from collections.abc import Iterator

import numpy as np

from vedette.plates import Plate, render_plate

FIRST_HELD_OUT_SEED = 1_000_000
"""Training uses the seeds below, evaluation and measurement those from here on: no plate is ever in both."""

NARROWEST_PX, WIDEST_PX = 640, 960
LOWEST_PX, HIGHEST_PX = 480, 960


def plate_of_any_size(seed: int) -> Plate:
    """The plate of `seed`, 640..960 px wide and 480..960 px high, even and odd sizes alike."""
    size = np.random.default_rng([seed, 1])
    width_px = int(size.integers(NARROWEST_PX, WIDEST_PX + 1))
    height_px = int(size.integers(LOWEST_PX, HIGHEST_PX + 1))
    return render_plate(seed, width_px, height_px)


def training_seeds(seed: int) -> Iterator[int]:
    """An endless stream of plate seeds below FIRST_HELD_OUT_SEED, fixed by `seed`."""
    rng = np.random.default_rng([seed, 2])
    while True:
        yield int(rng.integers(FIRST_HELD_OUT_SEED))


def held_out(seed: int, plates: int) -> list[int]:
    """`plates` consecutive held-out seeds; `seed` chooses which."""
    if not 0 <= seed < 1000 or not 1 <= plates <= 1000:
        raise ValueError(f"seed must be 0..999 and plates 1..1000, not {seed} and {plates}")
    first = FIRST_HELD_OUT_SEED + 1000 * seed
    return list(range(first, first + plates))
