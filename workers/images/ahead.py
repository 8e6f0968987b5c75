"""Asks for a few remote images at once: most of the time of one is waiting. Files are read when it is their turn."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

from contract.messages import ImageRef
from workers.images.fetch import is_remote

#: Also how many images may lie in memory at once, before the first of them is looked at.
AHEAD: Final = 4


def read_ahead(
    images: Sequence[ImageRef], read: Callable[[ImageRef], bytes]
) -> Generator[tuple[ImageRef, Callable[[], bytes]]]:
    """Each image, in order, with a call that gives what `read` gives for it, or raises what `read` raises.

    Close it (`contextlib.closing`) when it is left early: what has not begun then never does.
    """
    remote = iter([image for image in images if is_remote(image.uri)])
    begun: dict[int, Future[bytes]] = {}
    pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="image-ahead")  # starts no thread before it is asked to
    try:
        for image in images:
            while len(begun) < AHEAD and (following := next(remote, None)) is not None:
                begun[following.index] = pool.submit(read, following)
            yield image, begun.pop(image.index).result if is_remote(image.uri) else partial(read, image)
    finally:
        # A slot that leaves does not wait for a silent host.
        pool.shutdown(wait=False, cancel_futures=True)
