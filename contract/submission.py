"""How a job is submitted, whoever does it: which queue, how large a task, which bells. Pure.

Both wings submit: the producer for Python, workers for those who send `vedette.submit` in another language. How long
either waits for a Redis that is away, and what it says then, stands with them.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from contract.capability import Requirement
from contract.messages import DetectMessage, JobOptions
from contract.model_spec import ModelSpec
from contract.registry import Advert, serves
from contract.routing import route
from contract.settings import Settings

#: Tasks that each slot should get of a small job, or of what is left of a large one, so that a quick machine can take
#: more of them than a slow one.
TASKS_PER_SLOT: Final = 2
#: How long a task should last at most, where one batch does not last longer: what is lost when a slot dies is no more,
#: and what is at the end of a job can be shared out.
TASK_S: Final = 5.0

Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first image is queued."""

    options: JobOptions
    queue: str
    #: Images in each task at most; the last one has what is left.
    task_images: int
    #: How many shared it out when it was made; 0: nobody, or it is not known any more.
    slots: int = 0

    def cut(self, images: Iterable[Item], count: int | None) -> Iterator[Sequence[Item]]:
        """The images of each task; `count` of them, None when nobody knows how many will come."""
        if count is None:
            return chunked(images, self.task_images)
        return cut(images, task_sizes(count, self.task_images, self.options.batch_size, self.slots))

    def bell(self, job: str, task: str) -> DetectMessage:
        return DetectMessage(job=job, task=task, model=self.options.model, batch_size=self.options.batch_size)


def plan_job(
    spec: ModelSpec,
    adverts: Sequence[Advert],
    settings: Settings,
    *,
    images: int | None,
    min_score: float,
    batch_size: int | None = None,
    allow_waiting: bool = False,
    allow_degraded: bool = False,
    max_failure_rate: float | None = None,
    exact: bool = False,
) -> Plan:
    """For a job of `images` images, None when nobody knows how many will come. `batch_size` None is the model's own.

    NoCapableWorker when no live worker can run the model, unless `allow_waiting`.
    """
    options = JobOptions(
        model=spec.ref,
        digest=spec.digest,
        batch_size=batch_size or spec.throughput.default_batch,
        min_score=min_score,
        allow_degraded=allow_degraded,
        max_failure_rate=max_failure_rate,
        exact=exact,
    )
    return plan_more(spec, adverts, settings, options, images=images, allow_waiting=allow_waiting)


def plan_more(
    spec: ModelSpec,
    adverts: Sequence[Advert],
    settings: Settings,
    options: JobOptions,
    *,
    images: int | None,
    allow_waiting: bool = False,
) -> Plan:
    """For `images` more of a job whose options stand; otherwise as `plan_job`."""
    queue = route(spec, adverts, allow_waiting=allow_waiting)
    slots, image_s = slots_serving(spec.needs, adverts), seconds_per_image(spec, options.batch_size)
    size = task_size(images, options.batch_size, settings.task_images, slots, image_s)
    return Plan(options, queue, size, slots)


def task_size(images: int | None, batch_size: int, task_images: int, slots: int, image_s: float | None = None) -> int:
    """Images in each task of a job of `images` images (None: unknown), when `slots` slots can serve it.

    At most `task_images`, or as many as take `TASK_S` at `image_s` seconds each (None: unknown), in whole batches. A
    small job is cut finer, into `TASKS_PER_SLOT` tasks for each slot; one that has less than a batch for each slot is
    shared out evenly, for all slots at work beat one full batch.
    200 images, batch 8, task_images 32: 1 slot 32, 4 slots 32, 8 slots 16. 10 images: 1 slot 8, 2 slots 5, 8 slots 2.
    1000 images, batch 8, 1 slot: at 0.1 s 32, at 0.25 s 16, at 2 s 8.
    """
    if image_s:
        task_images = min(task_images, int(TASK_S / image_s))
    largest = max(batch_size, task_images // batch_size * batch_size)
    if images is None or slots < 1:
        return largest
    if images < slots * batch_size:
        return min(largest, batch_size, max(1, math.ceil(images / slots)))
    batches = math.ceil(images / (slots * TASKS_PER_SLOT) / batch_size)
    return min(largest, batches * batch_size)


def task_sizes(images: int, largest: int, batch_size: int, slots: int) -> Iterator[int]:
    """Images in each task of a job of `images` images, none of which has more than `largest`; it does not end.

    Towards the end they get smaller, so that `slots` slots come to it together: each task is what is left, shared out
    into `TASKS_PER_SLOT` tasks for each slot, in whole batches (guided self-scheduling; Polychronopoulos, Kuck 1987).
    One slot has nobody to wait for.
    200 images, batch 8, largest 32: 1 slot 32 32 32 32 32 32 8, 4 slots 32 24 24 16 16 16 16 8 8 8 8 8 8 8.
    """
    left, least = images, min(batch_size, largest)
    while True:
        batches = math.ceil(left / (slots * TASKS_PER_SLOT) / batch_size) if slots > 1 else largest
        size = max(least, min(largest, batches * batch_size))
        yield size
        left = max(0, left - size)


def seconds_per_image(spec: ModelSpec, batch_size: int) -> float | None:
    """As the model was measured, in batches of that size or else the best; None when it was not measured.

    On the machine that measured it: another may take twice as long, or half.
    """
    speeds = {size: speed for size, speed in spec.throughput.images_per_s.items() if speed > 0}
    speed = speeds.get(str(batch_size)) or max(speeds.values(), default=None)
    return None if speed is None else 1 / speed


def slots_serving(needs: Requirement, adverts: Iterable[Advert]) -> int:
    """Slots of the live workers that can run a model of these needs."""
    return sum(advert.capability.slots for advert in adverts if serves(advert, needs))


def chunked(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    """`items` in lists of `size`, the last one shorter; holds one list at a time."""
    return cut(items, itertools.repeat(size))


def cut(items: Iterable[Item], sizes: Iterable[int]) -> Iterator[Sequence[Item]]:
    """The same in lists of `sizes`, of which there are enough."""
    remaining = iter(items)
    for size in sizes:
        chunk = list(itertools.islice(remaining, size))
        if not chunk:
            return
        yield chunk
