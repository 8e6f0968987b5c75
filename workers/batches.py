"""How the images of a task are grouped into model calls. Pure.

A batch is one tensor, so its images have one size. Padding them to a common size would change what the model sees,
so images of different sizes go in different batches instead; a folder from one camera still fills them.
"""

from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def same_size_batches(items: Sequence[tuple[Hashable, T]], batch_size: int) -> list[list[T]]:
    """Items of (size, item) as batches of at most `batch_size` items of one size, in the order of first appearance."""
    by_size: dict[Hashable, list[T]] = {}
    for size, item in items:
        by_size.setdefault(size, []).append(item)
    return [group[i : i + batch_size] for group in by_size.values() for i in range(0, len(group), batch_size)]
