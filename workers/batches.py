"""How the images of a task are grouped into model calls. Pure.

A call is one tensor, so its images have one size. Padding them to a common size would change what the model sees, so
images of different sizes go in different batches instead; a folder from one camera still fills them. A model whose plan
is to run several calls at once takes any sizes in a batch: those of one size stand together there, for one call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from contract.messages import ImageRef

#: By what each side is divided when an image is decoded.
Divisor = Literal[1, 2, 4, 8]
_DIVISOR_MAX: Final = 8


@dataclass(frozen=True)
class Readable:
    """An image whose header was read: size in pixels, upright, as it is and not as it may be shrunk."""

    image: ImageRef
    width_px: int
    height_px: int
    #: As Pillow names it.
    format: str = ""
    #: Of what the model sees anyway (`workers.sight`); where the image is shrunk for want of memory, that comes on top.
    divisor: Divisor = 1

    @property
    def decoded_by(self) -> Divisor:
        return cast("Divisor", min(_DIVISOR_MAX, self.divisor * self.image.shrink))

    @property
    def megapixels(self) -> float:
        """As it will be decoded."""
        return self.width_px * self.height_px / self.decoded_by**2 / 1e6


def planned_batches(images: Sequence[Readable], batch_size: int, *, alike: bool = True) -> list[list[Readable]]:
    """Batches none longer than `batch_size` or than one of its images may share a batch with.

    `alike`: of one size; otherwise only those of one size beside each other.

    Images under suspicion come last, the closest suspects after all others: if they end the process, the rest is done.
    """
    groups: dict[tuple[int, ...], list[Readable]] = {}
    for readable in images if alike else sorted(images, key=_size):
        cap = min(batch_size, readable.image.batch_cap or batch_size)
        groups.setdefault((cap, *(_size(readable) if alike else ())), []).append(readable)
    largest_cap_first = sorted(groups.items(), key=lambda item: -item[0][0])
    return [group[i : i + cap] for (cap, *_), group in largest_cap_first for i in range(0, len(group), cap)]


def _size(readable: Readable) -> tuple[int, int, int]:
    return readable.width_px, readable.height_px, readable.decoded_by
