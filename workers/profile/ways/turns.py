"""How many images a turn has, and how many turns tell enough. Pure."""

from collections.abc import Sequence
from typing import Final

#: A turn is over when the last call is; with so many images for each stream, that costs every way about as little.
IMAGES_PER_STREAM: Final = 4
#: A stream whose calls stack images has so many calls.
CALLS_PER_STREAM: Final = 2
#: A model so slow that a turn would take longer has fewer images in it, and two for each stream at least.
TURN_MAX_S: Final = 2.0
_IMAGES_PER_STREAM_MIN: Final = 2
TURNS_MIN: Final = 5
TURNS_MAX: Final = 100
#: Where `TURNS_MIN` turns take more than so many times `repeat_s`, fewer must do.
PATIENCE: Final = 10


def images_of_a_turn(call_s: float, batch: int, streams: int, call_images: int) -> int:
    """Images that each way runs in a turn.

    `call_s` is what one takes, `streams` and `call_images` the most of any way that has streams.

    | call_s | batch | streams | call_images | images |
    |--------|-------|---------|-------------|--------|
    | 0.02   | 8     | 2       | 1           | 8      |
    | 0.02   | 8     | 2       | 4           | 16     |
    | 0.02   | 1     | 4       | 1           | 16     |
    | 0.02   | 24    | 2       | 1           | 24     |
    | 0.5    | 8     | 2       | 1           | 4      |
    | 2      | 8     | 1       | 1           | 2      |
    """
    wanted = max(batch, streams_images(streams, call_images))
    least = _IMAGES_PER_STREAM_MIN * streams
    affordable = int(TURN_MAX_S / call_s)
    return max(least, min(wanted, affordable // streams * streams))


def streams_images(streams: int, call_images: int) -> int:
    """The fewest that keep so many streams busy: 2 of calls of one image 8, 2 of calls of four 16."""
    return streams * max(IMAGES_PER_STREAM, CALLS_PER_STREAM * call_images)


def enough(turn_s: Sequence[float], repeat_s: float) -> bool:
    """Whether turns that took so long tell enough of a way.

    | turns         | repeat_s | enough |
    |---------------|----------|--------|
    | 4 of 1 s      | 1        | no     |
    | 5 of 1 s      | 1        | yes    |
    | 6 of 100 ms   | 1        | no     |
    | 2 of 6 s      | 1        | yes    |
    """
    if len(turn_s) >= TURNS_MAX or sum(turn_s) >= PATIENCE * repeat_s:
        return True
    return len(turn_s) >= TURNS_MIN and sum(turn_s) >= repeat_s
