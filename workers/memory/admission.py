"""How many images fit in memory now. Pure; `workers.memory.reservation` reads the machine and keeps the promise.

What a batch adds to a process that has its model loaded:

    added = MEMORY_MARGIN × Σ (per_image + megapixels × per_megapixel)    the call, as measured, and its 15 %
          + Σ pixels × 3 × copies                                         the images on their way into it

    copies = 2   decoded and stacked
    copies = 4   and the tensor, and the copy TensorFlow makes on the way, where the model's fit has no part that grows
                 with the image: per_megapixel is 0 because it resizes inside. Measured with TensorFlow 2.21 on an
                 image of 50 megapixels: 143 MiB decoded, 286 stacked, 580 as a tensor.

A model that takes one image a call, or a fixed number, needs the call's part so many times, for its largest image and
for each call that runs at once, and the pixels of all.
Before the model is loaded, its base less the runtime that is there already comes on top.

Worked: 25 MB an image and nothing a megapixel; 8 images of 1 MP, model loaded.
    call 1.15 × 8 × 25 = 230 MB, pixels 8 × 1e6 × 3 × 4 = 96 MB: 326 MB, so 41 MB each.
    A slot of 2.0 GB with 1.1 GB in use has 0.9 GB left: 22 such images. If the machine has only 400 MB to give, of
    which another slot was promised 150 it has not used yet, 250 MB are left: 6 images.
    One image of 400 MP: 1.15 × 25 + 400e6 × 12 = 4.8 GB. Batch 0 here, with both numbers for the dead letter.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from contract.batch_memory import BatchKind, fed
from contract.memory import format_bytes
from contract.model_spec import MEMORY_MARGIN, Memory
from workers.memory.blackbox import Entry

_BYTES_PER_PIXEL: Final = 3
COPIES: Final = 2
COPIES_WITH_TENSOR: Final = 4


@dataclass(frozen=True)
class Budget:
    """What one slot may still take."""

    share_bytes: int
    #: As sampled now, see MemorySample.
    anon_bytes: int
    free_bytes: int
    tightest: str
    #: What other slots were promised and have not taken yet: it is in `free_bytes` still.
    promised_elsewhere_bytes: int = 0
    #: Stays free, so that the guard has no reason to act.
    reserve_bytes: int = 0
    #: Part of `anon_bytes` that the allocator kept from earlier batches, and gives again before it asks for more.
    kept_bytes: int = 0

    @property
    def available_bytes(self) -> int:
        return max(0, min(self._of_share(), self._of_machine()) + self.kept_bytes)

    @property
    def limited_by(self) -> str:
        if self._of_share() <= self._of_machine():
            return f"the slot's share of {format_bytes(self.share_bytes)}"
        others = f", {format_bytes(self.promised_elsewhere_bytes)} promised to other slots"
        return self.tightest + (others if self.promised_elsewhere_bytes else "")

    def _of_share(self) -> int:
        return self.share_bytes - self.anon_bytes

    def _of_machine(self) -> int:
        return self.free_bytes - self.promised_elsewhere_bytes - self.reserve_bytes


@dataclass(frozen=True)
class Admission:
    #: The first so many of the candidates; 0: not even one fits.
    batch: int
    #: What they are expected to add; for batch 0, what one image would.
    predicted_bytes: int
    available_bytes: int
    #: Why there are not as many as were wanted; "" when there are.
    limited_by: str = ""


def admit(
    memory: Memory,
    megapixels: Sequence[float],
    wanted: int,
    learned: int | None,
    budget: Budget,
    *,
    load_bytes: int = 0,
    batch_kind: BatchKind = "dynamic",
    streams: int = 1,
) -> Admission:
    """The largest batch that fits, from the front of the candidates.

    `megapixels`: of each candidate, width × height / 1e6, at least one. `learned`: the most that this class of worker
    may try, None for no limit. `load_bytes`: what loading the model will add; 0 when it is loaded. `streams`: calls
    that run at once.
    """
    available_bytes = budget.available_bytes
    most = min(wanted, len(megapixels))
    limited_by = ""
    if learned is not None and learned < most:
        most, limited_by = max(1, learned), f"learned: this class of worker holds {learned}"
    fitting, predicted_bytes = 0, 0
    for images in range(1, most + 1):
        needed_bytes = added_bytes(
            memory, megapixels[:images], load_bytes=load_bytes, batch_kind=batch_kind, streams=streams
        )
        if needed_bytes > available_bytes:
            limited_by = (
                f"{images} image{'s' if images > 1 else ''} would need {format_bytes(needed_bytes)}, "
                f"{format_bytes(available_bytes)} available ({budget.limited_by})"
            )
            predicted_bytes = predicted_bytes or needed_bytes
            break
        fitting, predicted_bytes = images, needed_bytes
    return Admission(fitting, predicted_bytes, available_bytes, limited_by)


def added_bytes(
    memory: Memory,
    megapixels: Sequence[float],
    *,
    load_bytes: int = 0,
    batch_kind: BatchKind = "dynamic",
    streams: int = 1,
) -> int:
    """What a batch of images of these sizes adds to the process; the formula stands above."""
    images = [memory.per_image_bytes + each * memory.per_megapixel_bytes for each in megapixels]
    call = fed(batch_kind, len(images))
    at_once = min(streams, math.ceil(len(images) / call))
    call_bytes = sum(images) if batch_kind == "dynamic" else at_once * call * max(images)
    copies = COPIES if memory.per_megapixel_bytes else COPIES_WITH_TENSOR
    pixel_bytes = sum(megapixels) * 1e6 * _BYTES_PER_PIXEL * copies
    return load_bytes + math.ceil(call_bytes * MEMORY_MARGIN + pixel_bytes)


def outstanding_bytes(others: Iterable[Entry]) -> int:
    """What other slots were promised and have not taken yet.

    One was promised 600 MiB on top of 900 and holds 1100 now: 400 are outstanding. One that holds less than at its
    promise gave memory back, and may still take all of it.
    """
    return sum(
        max(0, entry.promised_bytes - max(0, entry.anon_bytes - entry.anon_at_promise_bytes))
        for entry in others
        if entry.busy and not entry.ended_by
    )
