"""Images on their way from an event loop into the thread that submits them, until somebody stops it."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from concurrent.futures import CancelledError, Future
from typing import Final

from contract.errors import JobClosed
from producer.arguments import Image, check_images

#: Images of an asynchronous source that go into the thread at once.
_HANDFUL: Final = 32


class Feed:
    """An iterable for `Client.submit` of what `AsyncClient.submit` was given."""

    def __init__(self, images: Iterable[Image] | AsyncIterable[Image], loop: asyncio.AbstractEventLoop) -> None:
        self._images = images if isinstance(images, AsyncIterable) else check_images(images)
        self._loop = loop
        self._stopped = False
        self._awaited: Future[list[Image]] | None = None

    def __iter__(self) -> Iterator[Image]:
        images = self._from_loop(aiter(self._images)) if isinstance(self._images, AsyncIterable) else self._images
        for image in images:
            if self._stopped:
                raise _closed()
            yield image

    def stop(self) -> None:
        """From the loop's thread: the next image is not given any more, nor is one awaited. The submission fails."""
        self._stopped = True
        if self._awaited is not None:
            self._awaited.cancel()

    def _from_loop(self, images: AsyncIterator[Image]) -> Iterator[Image]:
        while True:
            self._awaited = asyncio.run_coroutine_threadsafe(_handful(images), self._loop)
            if self._stopped:  # between the image before and this line
                self._awaited.cancel()
            try:
                taken = self._awaited.result()
            except CancelledError:  # by `stop`, or by the source itself
                raise _closed() from None
            if not taken:
                return
            yield from taken


class SizedFeed(Feed):
    """Of images whose number is known: a small job is spread over the slots."""

    def __init__(self, images: Iterable[Image], loop: asyncio.AbstractEventLoop, length: int) -> None:
        super().__init__(images, loop)
        self._length = length

    def __len__(self) -> int:
        return self._length


def feed(images: Iterable[Image] | AsyncIterable[Image], loop: asyncio.AbstractEventLoop) -> Feed:
    if isinstance(images, Sized) and not isinstance(images, AsyncIterable):
        return SizedFeed(images, loop, len(images))
    return Feed(images, loop)


def _closed() -> JobClosed:
    return JobClosed("the client was closed while images were being submitted; their job was cancelled")


async def _handful(images: AsyncIterator[Image]) -> list[Image]:
    taken: list[Image] = []
    async for image in images:
        taken.append(image)
        if len(taken) == _HANDFUL:
            break
    return taken
