"""The images of one batch through decoder and model: some are decoded while others are in a call.

Calls take images of one size, as many as the model's plan says, and there are as many at once. All images of the batch
may be held at one time, which is what admission counts with. Imports OpenCV: slots only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeVar

from contract.memory import MIB
from workers.batches import Readable
from workers.images.claimed import Pixels, decode
from workers.images.decoders import Decoders

if TYPE_CHECKING:
    from workers.engine.saved_model import SavedModel

#: Of one image.
_STACKED_BYTES_MAX: Final = 4 * MIB

Decoded = tuple[Readable, Pixels]
Result = TypeVar("Result")


def through(
    model: SavedModel,
    batch: Sequence[Readable],
    decoders: Decoders,
    read: Callable[[Readable], bytes],
    detect: Callable[[Sequence[Decoded]], list[Result]],
    failed: Callable[[Readable, Exception], Result],
    on_call: Callable[[], object],
) -> Iterator[list[Result]]:
    """Results as they come; what `detect` or `failed` raises ends it, when no call is under way any more.

    `detect` gets images of one size, in the model's threads where there is more than one call; `failed` an image that
    could not be read or decoded. `on_call` is told when there are calls from now on.
    """
    calls: list[Future[list[Result]]] = []
    try:
        alike: list[Decoded] = []
        with closing(decoders.each(batch, read, decode)) as decoded:
            for readable, pixels_of in decoded:
                try:
                    pixels = pixels_of()
                except Exception as error:
                    yield [failed(readable, error)]
                    continue
                # A header may lie about its size: what goes into one call is what was decoded alike.
                if alike and (pixels.shape != alike[0][1].shape or len(alike) == _most(model, pixels)):
                    calls.append(_begin(model, detect, alike, calls, on_call))
                    alike = []
                alike.append((readable, pixels))
        if alike and not calls:  # one call for all: this thread has nothing else to do
            on_call()
            yield detect(alike)
        elif alike:
            calls.append(_begin(model, detect, alike, calls, on_call))
        del alike
        for call in calls:
            yield call.result()
    finally:
        for call in calls:
            call.cancel()
        wait(calls)


def _most(model: SavedModel, pixels: Pixels) -> int | None:
    """Images of that size in one call; None: any number. To copy large ones costs streams more than a call does."""
    return 1 if model.plan.streams > 1 and pixels.nbytes > _STACKED_BYTES_MAX else model.call_images


def _begin(
    model: SavedModel,
    detect: Callable[[Sequence[Decoded]], list[Result]],
    alike: Sequence[Decoded],
    before: Sequence[Future[list[Result]]],
    on_call: Callable[[], object],
) -> Future[list[Result]]:
    if not before:
        on_call()
    return model.streams.submit(detect, alike)
