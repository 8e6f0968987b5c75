"""How many workers of which class finish what waits and runs by a deadline. Pure; flow.py says what is left out.

Each class that lives is asked: how many more of it would do? And so is a machine that is just large enough for a queue
that nobody serves. Out of these, a combination is put together that leaves nothing over.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from contract.ledger import ModelCounts
from contract.queues import most_demanding_first
from producer.fleet.advice import ClassPlan, ModelPlan, Plan, RateTold, Together
from producer.fleet.crews import Kind, kinds_of
from producer.fleet.facts import Facts
from producer.fleet.flow import Crew, finished_s
from producer.fleet.nobody import why_nobody

#: From its start until a worker takes work: TensorFlow's import, and loading a first model.
START_S: Final = 60.0
#: More workers of a class than these are no advice.
MOST: Final = 10_000
#: Classes that are tried for a queue, those first that seem to need the fewest cores.
_TRIED: Final = 4


@dataclass(frozen=True)
class _Case:
    """What there is to do until when, and with whom."""

    #: Queue, the most demanding first, → model → images; only of models whose speed is known.
    parts: Mapping[str, Mapping[str, int]]
    kinds: Sequence[Kind]
    within_s: float

    @cached_property
    def work(self) -> dict[str, int]:
        """Images by queue."""
        return {queue: sum(of_models.values()) for queue, of_models in self.parts.items()}

    @cached_property
    def speeds(self) -> list[dict[str, float]]:
        """Of each kind: images per second of one slot, by queue."""
        shares = {
            queue: {ref: images / self.work[queue] for ref, images in of_models.items()}
            for queue, of_models in self.parts.items()
        }
        return [kind.speeds(shares) for kind in self.kinds]

    def done_s(self, more: Mapping[int, int]) -> dict[str, float]:
        """When each queue is empty, with `more` workers besides those that live, by their kind's place."""
        new = [self._crew(place, count, START_S) for place, count in more.items() if count]
        return finished_s(self.work, [*self._there, *new])

    @cached_property
    def _there(self) -> list[Crew]:
        """Who lives; classes that are equally fast with everything are one crew."""
        crews: dict[object, Crew] = {}
        for place, kind in enumerate(self.kinds):
            crew, alike = self._crew(place, kind.workers), tuple(self.speeds[place].items())
            if crew.slots:
                crews[alike] = replace(crew, slots=crew.slots + (crews[alike].slots if alike in crews else 0))
        return [*crews.values()]

    def _crew(self, place: int, workers: int, from_s: float = 0.0) -> Crew:
        return Crew(self.speeds[place], self.kinds[place].of.slots * workers, from_s)

    def serves(self, place: int, queue: str) -> bool:
        return queue in self.speeds[place]

    def price(self, place: int, workers: int) -> tuple[int, int]:
        """Cores, then bytes, of so many of a kind."""
        of = self.kinds[place].of
        return workers * of.slots * of.threads, workers * of.slots * of.memory_per_slot_bytes

    def least(self, place: int, queues: Sequence[str], besides: Mapping[int, int]) -> int | None:
        """Of this kind, how many more have all of `queues` done in time; None: no number does."""

        def do(count: int) -> bool:
            done = self.done_s({**besides, place: besides.get(place, 0) + count})
            return all(done[queue] <= self.within_s for queue in queues)

        return _least(do, self.guess(place, queues))

    def guess(self, place: int, queues: Sequence[str]) -> int:
        """About how many of this kind alone it would take for `queues`."""
        speeds, slots = self.speeds[place], self.kinds[place].of.slots
        seconds = sum(self.work[queue] / speeds[queue] for queue in queues if queue in speeds)
        return math.ceil(seconds / slots / max(1.0, self.within_s - START_S))


def plan_of(facts: Facts, counts: Mapping[str, ModelCounts], within: timedelta, model: str | None = None) -> Plan:
    """For what waits and runs now. `model`: only this one (`name@version`) has to be done in time; others go on."""
    kinds = kinds_of(facts, counts)
    rated = {ref for kind in kinds for ref in kind.rates}
    case = _Case(_parts(facts, rated), kinds, within.total_seconds())
    asked = [ref for ref in sorted(facts.backlog.models) if model is None or ref == model]
    targets = [queue for queue, of_models in case.parts.items() if any(ref in of_models for ref in asked)]
    now_s = case.done_s({})
    late = [queue for queue in targets if now_s[queue] > case.within_s]
    models = [_model(ref, facts, case, now_s, ref in rated) for ref in asked]
    hopeless = any(ref not in rated for ref in asked)
    together = None if hopeless else _together(case, late)
    at = datetime.fromtimestamp(facts.backlog.now_s, tz=UTC)
    return Plan(
        at=at,
        deadline=at + within,
        within_s=case.within_s,
        model=model,
        images=sum(one.images for one in models),
        estimated=facts.backlog.estimated,
        in_time=all(one.in_time for one in models),
        done_in_s=None if hopeless else _latest(now_s, targets),
        models=tuple(models),
        classes=tuple(_class(place, case, targets, late, asked) for place in range(len(kinds))),
        together=None if together is None else tuple(_named(kinds, together)),
        together_done_in_s=None if together is None else _latest(case.done_s(together), targets),
    )


def _parts(facts: Facts, rated: set[str]) -> dict[str, dict[str, int]]:
    requirements = facts.requirements
    parts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (queue, ref), work in facts.backlog.parts.items():
        images = work.images_waiting + work.images_running
        if images and ref in rated and queue in requirements:
            parts[queue][ref] = images
    return dict(sorted(parts.items(), key=lambda item: most_demanding_first((item[0], requirements[item[0]]))))


def _model(ref: str, facts: Facts, case: _Case, now_s: Mapping[str, float], rated: bool) -> ModelPlan:
    work = facts.backlog.models[ref]
    queues = [queue for queue, of_models in case.parts.items() if ref in of_models]
    done_s = _latest(now_s, queues) if rated else None
    stuck = next((queue for queue in queues if math.isinf(now_s[queue])), None)
    why = None
    if not rated:
        spec = next((spec for spec in facts.models if spec.ref == ref), None)
        why = "no worker has had it for long" if spec is None else why_nobody(spec.needs, facts)
        why = why or "nobody has measured how fast it is"
    elif stuck is not None:
        why = why_nobody(facts.requirements[stuck], facts) or "nobody has measured how fast it is there"
    return ModelPlan(
        ref=ref,
        images=work.images_waiting + work.images_running,
        done_in_s=done_s,
        in_time=done_s is not None and done_s <= case.within_s,
        why_never=why,
    )


def _class(place: int, case: _Case, targets: Sequence[str], late: Sequence[str], asked: Sequence[str]) -> ClassPlan:
    kind = case.kinds[place]
    helped = [queue for queue in late if case.serves(place, queue)]
    more = case.least(place, late, {})
    if more is None and helped:
        more = case.least(place, helped, {})
    done_s = case.done_s({place: more or 0})
    could = [queue for queue in targets if queue not in late or done_s[queue] <= case.within_s]
    cannot = {
        ref: kind.lacks.get(queue) or _why_late(kind, ref, case.within_s)
        for queue in late
        if queue not in could
        for ref in case.parts[queue]
        if ref in asked
    }
    used = {ref for queue in targets if queue not in kind.lacks for ref in case.parts[queue]}
    return ClassPlan(
        worker_class=kind.of.name,
        cpu_level=kind.of.cpu_level,
        cpu_features=kind.of.cpu_features,
        memory_per_slot_bytes=kind.of.memory_per_slot_bytes,
        slots=kind.of.slots,
        threads=kind.of.threads,
        workers=kind.workers,
        more=more,
        done_in_s=None if more is None else _latest(done_s, could),
        cannot=cannot,
        rates=tuple(RateTold(model=ref, **vars(kind.rates[ref])) for ref in sorted(used & kind.rates.keys())),
    )


def _why_late(kind: Kind, ref: str, within_s: float) -> str:
    if ref not in kind.rates:
        return "nobody has measured how fast it is there"
    if within_s <= START_S:
        return f"a worker takes about {START_S:.0f} s to start, which is not before the deadline"
    return f"no number up to {MOST:,} is enough"


def _together(case: _Case, late: Sequence[str]) -> dict[int, int] | None:
    """Queue by queue, the most demanding first, of the class that needs the fewest cores for it."""
    more: dict[int, int] = {}
    for queue in late:
        if case.done_s(more)[queue] <= case.within_s:
            continue
        able = [place for place in range(len(case.kinds)) if case.serves(place, queue)]
        likely = sorted(able, key=lambda place: case.price(place, case.guess(place, [queue])))[:_TRIED]
        counts = {place: case.least(place, [queue], more) for place in likely}
        options = [(case.price(place, count), place, count) for place, count in counts.items() if count is not None]
        if not options:
            return None
        *_, place, count = min(options)
        more[place] = more.get(place, 0) + count
    return more


def _named(kinds: Sequence[Kind], more: Mapping[int, int]) -> list[Together]:
    return [Together(worker_class=kinds[place].of.name, more=count) for place, count in sorted(more.items())]


def _least(do: Callable[[int], bool], guess: int = 1) -> int | None:
    """The smallest number up to `MOST` that will do, given that any larger one does too."""
    if do(0):
        return 0
    if not do(MOST):
        return None
    low, high = 0, min(MOST, max(1, guess))
    while not do(high):
        low, high = high, min(MOST, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if do(middle) else (middle, high)
    return high


def _latest(done_s: Mapping[str, float], queues: Sequence[str]) -> float | None:
    """When the last of `queues` is done; None: never."""
    latest_s = max((done_s[queue] for queue in queues), default=0.0)
    return None if math.isinf(latest_s) else round(latest_s, 1)
