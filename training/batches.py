"""An endless stream of training batches, rendered while the network learns.

Plates are never stored: rendering costs less than learning does, and no plate is seen twice. The order is fixed by the
seed, however many processes render.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

import cv2
import numpy as np

from training.plates import training_seeds
from training.views import Mix, View, views_of

PLATES_AHEAD = 12
SHUFFLED_VIEWS = 480
"""Views waiting to be drawn, so that a batch holds views of many plates: 480 x 0.3 MB."""


def view_batches(seed: int, mix: Mix, batch: int, processes: int) -> Generator[list[View]]:
    """Lists of `batch` views. Close the generator to stop the rendering processes."""
    rng = np.random.default_rng([seed, 4])
    waiting: list[View] = []
    # "spawn", because a fork of a process in which TensorFlow runs may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        seeds = training_seeds(seed)
        ahead = deque(pool.submit(views_of, s, mix) for s in islice(seeds, PLATES_AHEAD))
        while True:
            while len(waiting) < SHUFFLED_VIEWS:
                waiting += ahead.popleft().result()
                ahead.append(pool.submit(views_of, next(seeds), mix))
            drawn = rng.choice(len(waiting), batch, replace=False)
            yield [waiting[i] for i in drawn]
            chosen = set(drawn.tolist())
            waiting = [view for i, view in enumerate(waiting) if i not in chosen]


def _one_thread() -> None:
    cv2.setNumThreads(1)
