"""When work is done: a fleet as a flow of images. Pure.

As workers do it, each class of them takes from the most demanding queue that it serves and that has something left,
with all of its slots. Images of one queue are taken as they come, so its models are done together. What is left out:
that the last tasks cannot be shared out, and that a slot which changes its model loads it first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Crew:
    """Workers of one class."""

    #: Those that they serve, in the order they take work: images per second of one slot.
    speeds: Mapping[str, float]
    slots: int
    #: When they begin.
    from_s: float = 0.0


def finished_s(work: Mapping[str, float], crews: Sequence[Crew]) -> dict[str, float]:
    """When each queue of `work` (images) is empty, in seconds from now; infinity where nobody serves it.

    60 images, 2 slots of 0.5 images/s: 60 s. With one more such slot after 30 s: 50 s.
    """
    left = {queue: float(images) for queue, images in work.items() if images > 0}
    done = dict.fromkeys(work.keys() - left.keys(), 0.0)
    turns = [_Turn(crew) for crew in crews]
    now_s = 0.0
    while left:
        flows: dict[str, float] = {}
        for turn in turns:
            queue = turn.queue(left) if turn.crew.from_s <= now_s else None
            if queue is not None:
                flows[queue] = flows.get(queue, 0.0) + turn.crew.slots * turn.crew.speeds[queue]
        steps_s = [left[queue] / flow for queue, flow in flows.items() if flow > 0]
        steps_s += [turn.crew.from_s - now_s for turn in turns if turn.crew.from_s > now_s]
        if not steps_s:
            break
        now_s += min(steps_s)
        for queue, flow in flows.items():
            left[queue] -= flow * min(steps_s)
            if left[queue] <= 1e-9 * work[queue]:
                done[queue] = now_s
                del left[queue]
    return done | dict.fromkeys(left, math.inf)


class _Turn:
    """How far a crew has come in its order: what is empty once stays so."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self._order = [*crew.speeds]
        self._place = 0

    def queue(self, left: Mapping[str, float]) -> str | None:
        while self._place < len(self._order) and self._order[self._place] not in left:
            self._place += 1
        return self._order[self._place] if self._place < len(self._order) else None
