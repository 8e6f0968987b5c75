"""What the main process says of its worker at each upkeep: its vitals, read off the black boxes of its slots.

`vitals_of` and `Pace` are pure; `Monitor` reads: 0.1 ms for the main process and as much for each slot.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from contract.vitals import LATELY_S, SlotVitals, Vitals
from workers.findings import Findings
from workers.memory.blackbox import Entry
from workers.memory.reservation import living
from workers.memory.sample import MemorySample, Sampler

#: Faster than that is one batch that happened to end twice within an upkeep.
_LEAST_S: Final = 1.0


class Pace:
    """Images done, from counts that each slot keeps for itself and that end with it."""

    def __init__(self) -> None:
        self._of_slot: dict[int, Mapping[str, int]] = {}
        self._of_the_dead: dict[str, int] = {}
        self._seen: deque[tuple[float, dict[str, int], int]] = deque()

    def look(self, at_s: float, done: Mapping[int, Mapping[str, int]], busy: int = 0) -> None:
        """`done`: by pid of the slots that live, images by model. What the dead did last and nobody saw is left out.

        `busy`: slots that have an attempt.
        """
        for pid in self._of_slot.keys() - done.keys():
            self._of_the_dead = _sum([self._of_the_dead, self._of_slot[pid]])
        self._of_slot = dict(done)
        self._seen.append((at_s, self.images, busy))
        while len(self._seen) > 1 and self._seen[1][0] <= at_s - LATELY_S:
            self._seen.popleft()

    @property
    def images(self) -> dict[str, int]:
        """Since the beginning, by model."""
        return _sum([self._of_the_dead, *self._of_slot.values()])

    @property
    def images_per_s(self) -> dict[str, float]:
        """Since the look that is `LATELY_S` ago, or the first one; of models that did any."""
        if not self._seen:
            return {}
        (then_s, then, _), (now_s, now, _) = self._seen[0], self._seen[-1]
        elapsed_s = max(_LEAST_S, now_s - then_s)
        return {
            model: round((count - then.get(model, 0)) / elapsed_s, 3)
            for model, count in now.items()
            if count > then.get(model, 0)
        }

    @property
    def slots_busy(self) -> float | None:
        """The mean over the same time; None before there was any."""
        if len(self._seen) < 2:
            return None
        return round(sum(busy for _, _, busy in self._seen) / len(self._seen), 2)


class Monitor:
    """Main process only, and made there: it samples its own process."""

    def __init__(self, node: str, found: Findings) -> None:
        self._node = node
        self._found = found
        self._sampler = Sampler()
        self._pace = Pace()

    def vitals(self) -> Vitals:
        now_s = time.monotonic()
        entries = living(self._found.boxes)
        self._pace.look(now_s, {entry.pid: entry.done for entry in entries}, sum(entry.busy for entry in entries))
        return vitals_of(
            self._node, self._found, entries, self._sampler.sample(), self._pace, now_s - self._found.started_s
        )


def vitals_of(
    node: str, found: Findings, entries: Sequence[Entry], main: MemorySample, pace: Pace, up_s: float
) -> Vitals:
    """`main` is the sample of the main process, and of what the machine could give."""
    capability = found.capability
    return Vitals(
        node=node,
        up_s=round(up_s, 1),
        draining=found.leaving,
        slots=capability.slots,
        slots_busy=sum(entry.busy for entry in entries),
        slots_busy_lately=pace.slots_busy,
        memory_bytes=main.anon_bytes + sum(entry.anon_bytes for entry in entries),
        memory_limit_bytes=capability.memory_per_slot_bytes * capability.slots,
        memory_free_bytes=main.free_bytes,
        memory_free_limited_by=main.tightest,
        each=tuple(map(_slot, entries)),
        kills={str(by): count for by, count in found.kills.items()},
        images=pace.images,
        images_per_s=pace.images_per_s,
    )


def _slot(entry: Entry) -> SlotVitals:
    return SlotVitals(
        pid=entry.pid,
        stage=entry.stage,
        task=entry.task,
        model=entry.model,
        queue=entry.queue,
        images_held=entry.batch_images,
        memory_bytes=entry.anon_bytes,
        memory_peak_bytes=entry.peak_anon_bytes,
        memory_limit_bytes=entry.share_bytes,
        models=entry.models,
        images=sum(entry.done.values()),
    )


def _sum(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for model, images in each.items():
            total[model] = total.get(model, 0) + images
    return total
