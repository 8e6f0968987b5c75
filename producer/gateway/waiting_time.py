"""How long an image would wait now. Pure: what waits, who works, how fast."""

from typing import Final

from contract.model_spec import ModelSpec
from producer.gateway.pace import PER_SLOT

#: A rate varies. Who is refused may come back; who has waited in vain has lost the time, and a slot's with it.
_MARGIN: Final = 1.25


def seconds_per_image(spec: ModelSpec) -> float | None:
    """Of one slot, in the batches that jobs have by default; None when it was never measured."""
    measured = spec.throughput.images_per_s
    rate = measured.get(str(spec.throughput.default_batch)) or max(measured.values(), default=0.0)
    return 1 / rate if rate > 0 else None


def expected_wait_s(
    queued: int, on_the_way: int, slots: int, image_s: float | None, images_per_s: float | None, images: int = 1
) -> float:
    """Until `images` that come now are done: the longer of what the model's profile and the present pace say.

    `queued`: images that wait before them, of whomever, by the ledger; `on_the_way`: of this gateway, which may not
    stand there yet, or be with a worker already; `image_s`: of one slot, by the profile; `images_per_s`: that come back
    to this gateway, by `pace`.

    60 queued, 4 slots, 0.1 s an image: 1.6 s. 60 on the way, of which 10 come back in a second: 6.1 s and a quarter on
    top, whatever the profile says. Where only a few are on the way, the pace says nothing: else a fleet that was slow
    once would be asked no more, and nobody would see that it no longer is.
    """
    by_profile_s = by_pace_s = 0.0
    if image_s is not None:
        by_profile_s = (max(queued, on_the_way) + images - 1) * image_s / max(1, slots) + image_s
    if images_per_s is not None and on_the_way > PER_SLOT * slots:
        by_pace_s = _MARGIN * (on_the_way + images) / images_per_s
    return max(by_profile_s, by_pace_s)
