"""Decodes the images of a batch on all of a slot's cores: a JPEG takes one, and OpenCV holds no lock meanwhile."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Final, TypeVar

#: Smaller files are decoded at once by whoever asks: that takes no longer than to hand them to a thread and back.
_SMALL_BYTES: Final = 4096

Item = TypeVar("Item")
Pixels = TypeVar("Pixels")


class Decoders:
    """Of one slot, made in its process; starts no thread before there is something to decode."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def each(
        self, items: Iterable[Item], read: Callable[[Item], bytes], decode: Callable[[Item, bytes], Pixels]
    ) -> Generator[tuple[Item, Callable[[], Pixels]]]:
        """Each item, in order, with a call that gives its pixels, or raises what `read` or `decode` raised.

        Bytes are read in the caller's thread, and no further ahead than there are threads to decode them. Close it
        (`contextlib.closing`) when it is left early: then nothing of it is under way any more.
        """
        begun: deque[tuple[Item, Future[Pixels]]] = deque()
        try:
            for item in items:
                begun.append((item, self._begin(item, read, decode)))
                if len(begun) > self._threads:
                    first, future = begun.popleft()
                    yield first, future.result
            while begun:
                first, future = begun.popleft()
                yield first, future.result
        finally:
            for _, future in begun:
                future.cancel()
            wait([future for _, future in begun])

    def _begin(
        self, item: Item, read: Callable[[Item], bytes], decode: Callable[[Item, bytes], Pixels]
    ) -> Future[Pixels]:
        done: Future[Pixels] = Future()
        try:
            data = read(item)
            if len(data) >= _SMALL_BYTES:
                return self._pool.submit(partial(decode, item, data))
            done.set_result(decode(item, data))
        except Exception as error:  # it is the item's, and told when the item's turn has come
            done.set_exception(error)
        return done
