"""Pixels that came instead of an encoded image, as a file that workers decode: PPM, which is them with a header. Pure.

https://netpbm.sourceforge.net/doc/ppm.html. PNG would be a third smaller and cost the gateway the time to compress it.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from producer.errors import InvalidArgument

_CHANNELS: Final = 3


def ppm(width_px: int, height_px: int, rgb: bytes | memoryview) -> bytes:
    """`rgb`: height × width × 3 bytes, red first."""
    return b"P6\n%d %d\n255\n" % (width_px, height_px) + rgb


def image_of_rows(rows: Any, where: str) -> bytes:
    """An encoded image of nested lists, [height][width][3], whole numbers from 0 to 255."""
    if not _is_list(rows) or not rows or not _is_list(rows[0]) or not rows[0]:
        raise _no_pixels(where)
    width_px = len(rows[0])
    return ppm(width_px, len(rows), b"".join(_row(row, width_px, where) for row in rows))


def images_of_tensor(content: bytes | memoryview, shape: Sequence[int], where: str) -> list[bytes]:
    """Encoded images of a tensor of bytes, row by row. `shape`: [images, height, width, 3], or without `images`."""
    sides = [1, *shape] if len(shape) == _CHANNELS else [*shape]
    if len(sides) != 4 or sides[3] != _CHANNELS or min(sides) < 1:
        raise InvalidArgument(f"{where}.shape: {[*shape]!r:.60}; expected [images, height, width, 3] of uint8 pixels")
    count, height_px, width_px, _ = sides
    one_bytes = height_px * width_px * _CHANNELS
    if count * one_bytes != len(content):
        raise InvalidArgument(f"{where}.shape: {[*shape]!r:.60} is of {count * one_bytes} bytes, {len(content)} came")
    view = memoryview(content)
    return [ppm(width_px, height_px, view[at : at + one_bytes]) for at in range(0, len(content), one_bytes)]


def tensor_of_numbers(data: Any, where: str) -> bytes:
    """`data`: numbers from 0 to 255, flat or nested as deep as they like, in the order of their tensor."""
    try:
        return b"".join(_bytes_of(data))
    except (ValueError, TypeError, RecursionError):
        raise _no_pixels(where) from None


def _bytes_of(data: Any) -> Iterator[bytes]:
    if not _is_list(data):
        raise TypeError
    if data and _is_list(data[0]):
        for item in data:
            yield from _bytes_of(item)
    else:
        yield _numbers(data)


def _numbers(data: list[Any]) -> bytes:
    try:
        return bytes(data)
    except TypeError:  # some clients make 7.0 of every 7
        return bytes(int(value) if isinstance(value, float) and value.is_integer() else value for value in data)


def _row(row: Any, width_px: int, where: str) -> bytes:
    if not _is_list(row) or len(row) != width_px:
        raise InvalidArgument(f"{where}: its first row has {width_px} pixels, another one has not")
    try:
        if {*map(len, row)} == {_CHANNELS}:
            return _numbers([*chain.from_iterable(row)])
    except (ValueError, TypeError):
        pass
    raise _no_pixels(where)


def _is_list(item: Any) -> bool:
    return isinstance(item, list)


def _no_pixels(where: str) -> InvalidArgument:
    return InvalidArgument(
        f"{where}: expected pixels as [height][width][3], red, green and blue, whole numbers from 0 to 255"
    )
