"""How much a batch takes, and how large a batch a slot holds: arithmetic on a model's measured numbers. Pure.

    bytes = base + fed × (per_image + megapixels × per_megapixel) + waiting × pixels × 3 × 2

`fed` images share a call: all of a batch, or as many as the signature takes. The others wait in memory, decoded and
stacked. Not the last word: `workers.memory.admission` asks what is free at the moment.
"""

from typing import Final, Literal

from contract.model_spec import MEMORY_MARGIN, Memory, ModelSpec

#: Of an image that waits for its call: RGB, once decoded and once stacked.
WAITING_BYTES_PER_PIXEL: Final = 3 * 2

BatchKind = Literal["dynamic", "one"] | int


def fed(batch: BatchKind, images: int) -> int:
    """How many images one call is fed, of a batch of `images`; a signature of a fixed number is filled up to it.

    | signature | images | fed |
    |-----------|--------|-----|
    | dynamic   | 8      | 8   |
    | one       | 8      | 1   |
    | 4         | 8      | 4   |
    | 4         | 1      | 4   |
    """
    match batch:
        case "dynamic":
            return images
        case "one":
            return 1
        case _:
            return batch


def waiting_bytes(batch: BatchKind, images: int, megapixels: float) -> int:
    """Of the images that the call under way is not fed."""
    return round(max(0, images - fed(batch, images)) * megapixels * 1e6 * WAITING_BYTES_PER_PIXEL)


def peak_bytes(memory: Memory, batch: BatchKind, images: int, megapixels: float) -> int:
    """Anonymous bytes that a slot is expected to hold at most while it runs a batch, model included."""
    return memory.predict(fed(batch, images), megapixels) + waiting_bytes(batch, images, megapixels)


def largest_batch(spec: ModelSpec, slot_bytes: int, megapixels: float, most: int) -> int:
    """The largest batch up to `most` that a slot of `slot_bytes` holds with the margin; 0: not even one image."""
    fitting = 0
    for images in range(1, most + 1):
        if peak_bytes(spec.memory, spec.signature.batch, images, megapixels) * MEMORY_MARGIN > slot_bytes:
            break
        fitting = images
    return fitting
