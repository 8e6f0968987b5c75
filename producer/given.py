"""Which images a reader of results has been given. Pure, and a bit or two for each image of a job.

Results are read by their place in the order of completion. A failover may take the last places back; the images are
done again, in another order, so that a reader who goes on at its place would miss some and meet others twice.
"""

from contract.messages import ImageResult


class Given:
    def __init__(self) -> None:
        self._images = _Indexes()
        #: Those whose last result was a failure that can be put back: these may come again.
        self._dead = _Indexes()

    @property
    def count(self) -> int:
        """Of different images."""
        return len(self._images)

    def note(self, index: int, *, dead: bool) -> None:
        self._images.add(index)
        if dead:
            self._dead.add(index)
        else:
            self._dead.discard(index)

    def take(self, index: int, result: ImageResult, *, again: bool) -> bool:
        """Whether `result` is to be given now; it counts as given then.

        `again`: places are read that were read before, so a failure that was given is not a second one.
        """
        if index in self._images and ((again and result.dead) or index not in self._dead):
            return False
        self.note(index, dead=result.dead)
        return True


class _Indexes:
    """A set of small numbers."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, index: int) -> bool:
        byte = index >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & 1 << (index & 7))

    def add(self, index: int) -> None:
        if index in self:
            return
        missing = (index >> 3) + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing))
        self._bits[index >> 3] |= 1 << (index & 7)
        self._count += 1

    def discard(self, index: int) -> None:
        if index in self:
            self._bits[index >> 3] &= ~(1 << (index & 7))
            self._count -= 1
