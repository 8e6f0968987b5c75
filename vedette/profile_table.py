"""What was measured of a model: batch × memory × images/s, and which live workers run it at which batch. Pure."""

from collections.abc import Sequence
from typing import Final

from rich.table import Table

from contract.batch_memory import largest_batch, peak_bytes
from contract.capability import shortfalls
from contract.memory import format_bytes
from contract.model_spec import ModelSpec, ProfilePoint
from contract.queues import queue_name
from contract.registry import Advert
from vedette.tables import table

#: Nobody asks for more images in a call.
BATCH_MAX: Final = 256
_REFERENCE_MEGAPIXELS: Final = 1.0


def profile_table(spec: ModelSpec) -> Table:
    """A row per batch whose speed or memory was measured, at one size of image; `*` marks the default batch.

    batch  memory   measured  images/s
    1      291 MiB  280 MiB   57.8
    8*     384 MiB  379 MiB   90.2
    """
    megapixels = reference_megapixels(spec)
    threads = max((point.threads for point in spec.profile), default=0)
    measured = {
        point.batch: point
        for point in spec.profile
        if point.threads == threads and abs(point.megapixels - megapixels) < 0.01
    }
    speeds = spec.throughput.images_per_s
    rows = table("batch", "memory", "measured", "images/s")
    for batch in sorted({*measured, *map(int, speeds), spec.throughput.default_batch}):
        point = measured.get(batch)
        rows.add_row(
            f"{batch}*" if batch == spec.throughput.default_batch else str(batch),
            format_bytes(peak_bytes(spec.memory, spec.signature.batch, batch, megapixels)),
            format_bytes(point.peak_bytes) if point else "",
            _speed(speeds.get(str(batch)), point),
        )
    return rows


def profile_caption(spec: ModelSpec) -> str:
    """`images of 1.0 megapixels, 2 threads; fit within 5 %; AMD EPYC, 2 cores, 24 GiB RAM, 2026-11-24`."""
    threads = max((point.threads for point in spec.profile), default=0)
    memory = spec.memory
    parts = [
        f"images of {reference_megapixels(spec):.1f} megapixels" + (f", {threads} threads" if threads else ""),
        "" if memory.fit_error is None else f"fit within {memory.fit_error:.0%}",
        ", ".join(filter(None, (memory.measured.get(what, "") for what in ("machine", "date")))),
    ]
    return "; ".join(filter(None, parts))


def fleet_lines(spec: ModelSpec, adverts: Sequence[Advert]) -> list[str]:
    """A line per live worker: up to which batch it runs the model, each with 15 % to spare, or why it does not.

    large@yard  any batch
    small@yard  batches up to 12
    old@yard    cannot: 2 GiB of memory per slot (has 1.0 GiB)
    """
    width = max((len(advert.node) for advert in adverts), default=0)
    return [f"{advert.node:{width}}  {_can(spec, advert)}" for advert in adverts]


def reference_megapixels(spec: ModelSpec) -> float:
    """Size of image that batches were compared at; of a model without a profile, the usual one."""
    by_size: dict[float, int] = {}
    for point in spec.profile:
        by_size[point.megapixels] = by_size.get(point.megapixels, 0) + 1
    default = min(_REFERENCE_MEGAPIXELS, spec.requirement.image_megapixels)
    return max(by_size, key=lambda size: (by_size[size], -abs(size - default)), default=default)


def _can(spec: ModelSpec, advert: Advert) -> str:
    missing = shortfalls(advert.capability, spec.needs)
    if missing:
        return f"cannot: {', '.join(missing)}"
    withdrawn = advert.withdrawn.get(queue_name(spec.needs))
    if withdrawn is not None:
        return f"has withdrawn: {withdrawn}"
    slot_bytes = advert.capability.memory_per_slot_bytes
    largest = largest_batch(spec, slot_bytes, reference_megapixels(spec), BATCH_MAX)
    if largest == 0:
        return "not at that size of image"
    return "any batch" if largest == BATCH_MAX else f"batches up to {largest}"


def _speed(images_per_s: float | None, point: ProfilePoint | None) -> str:
    speed = images_per_s if images_per_s is not None else point.images_per_s if point else None
    return "" if speed is None else f"{speed:.3g}"
