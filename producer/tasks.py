"""How a job is cut into tasks, and what it is called. Pure."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeVar

from contract.capability import Requirement
from contract.registry import Advert, serves

#: Tasks that each slot should get of a small job, so that a quick machine can take more of them than a slow one.
TASKS_PER_SLOT: Final = 2

Item = TypeVar("Item")


def task_size(images: int | None, batch_size: int, task_images: int, slots: int) -> int:
    """Images in each task of a job of `images` images (None: unknown), when `slots` slots can serve it.

    At most `task_images`, in whole batches. A small job is cut finer, into `TASKS_PER_SLOT` tasks for each slot; one
    that has less than a batch for each slot is shared out evenly, for all slots at work beat one full batch.
    200 images, batch 8, task_images 32: 1 slot 32, 4 slots 32, 8 slots 16. 10 images: 1 slot 8, 2 slots 5, 8 slots 2.
    """
    largest = max(batch_size, task_images // batch_size * batch_size)
    if images is None or slots < 1:
        return largest
    if images < slots * batch_size:
        return min(largest, batch_size, max(1, math.ceil(images / slots)))
    batches = math.ceil(images / (slots * TASKS_PER_SLOT) / batch_size)
    return min(largest, batches * batch_size)


def slots_serving(needs: Requirement, adverts: Iterable[Advert]) -> int:
    """Slots of the live workers that can run a model of these needs."""
    return sum(advert.capability.slots for advert in adverts if serves(advert, needs))


def chunked(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    """`items` in lists of `size`, the last one shorter; holds one list at a time."""
    remaining = iter(items)
    while chunk := list(itertools.islice(remaining, size)):
        yield chunk


def job_name(now: datetime, token: str) -> str:
    """`job-20261123-a1b2c3d4`: sorts by day, can be read over the telephone."""
    return f"job-{now:%Y%m%d}-{token}"
