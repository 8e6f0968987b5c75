"""How long an image would wait now. Pure: what waits, who works, how fast."""

from contract.model_spec import ModelSpec


def seconds_per_image(spec: ModelSpec) -> float | None:
    """Of one slot, in the batches that jobs have by default; None when it was never measured."""
    measured = spec.throughput.images_per_s
    rate = measured.get(str(spec.throughput.default_batch)) or max(measured.values(), default=0.0)
    return 1 / rate if rate > 0 else None


def expected_wait_s(before: int, slots: int, image_s: float, images: int = 1) -> float:
    """Until `images` that come after `before` others are done: all but the last one shared out over the slots.

    60 images before it, 4 slots, 0.1 s an image: 1.6 s. What runs at this moment is not counted, nor that another model
    of the queue may be slower: it is what is known without asking every worker.
    """
    return (before + images - 1) * image_s / max(1, slots) + image_s
