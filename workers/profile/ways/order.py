"""Which ways to run a model are timed next, and which one is its plan. Pure.

Greedy, for a way is dear to try: first how many streams, then the best and the most of them with the graph frozen, then
the fastest of those in bfloat16.
Each round is timed in a process of its own, by turns with the model as it was exported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.engine_plan import PLAIN, EnginePlan
from contract.model_io import Signature

#: A way that is faster by less is not worth its memory, nor the doubt.
GAIN_MIN: Final = 1.05
#: What is within so much of the fastest is as fast: the one with less memory is taken.
AS_FAST: Final = 0.97
#: More calls at once have too little to do each.
STREAMS_MAX: Final = 16
#: Images of a call of a stream, where one by one is not the fastest: what a call costs by itself is shared by so many.
STACK: Final = 4


@dataclass(frozen=True)
class Timed:
    """A way that ran."""

    images_per_s: float
    #: What it finds otherwise than the exported model, or why it cannot be run so; "": nothing.
    against: str = ""


#: One round: each way that was timed. Empty for one that did not fit, or ended its process.
Round = Mapping[EnginePlan, Timed]


@dataclass(frozen=True)
class Choice:
    #: PLAIN when nothing is better.
    plan: EnginePlan
    images_per_s: float
    #: Of the model as it was exported, in the same round.
    exported_images_per_s: float

    @property
    def speedup(self) -> float:
        return self.images_per_s / self.exported_images_per_s


#: Of a model whose first round did not fit.
UNTIMED: Final = Choice(PLAIN, 0.0, 0.0)


def next_round(
    signature: Signature, threads: int, *, bf16: bool, all_ways: bool, taken: Sequence[Round]
) -> tuple[EnginePlan, ...]:
    """The ways to time next, PLAIN first; empty when there is nothing left to learn.

    `bf16`: the CPU computes in it. `all_ways`: also a frozen graph with a batch at once where streams pay. Streams are
    timed with calls of one image and, where the signature takes them, of four.

    | threads | taken                        | next                                                            |
    |---------|------------------------------|-----------------------------------------------------------------|
    | 4       |                              | plain, 2 streams, 4 streams                                     |
    | 4       | 2 streams are the fastest    | plain, 2 streams, the same frozen, 4 streams frozen             |
    | 4       | streams do not pay           | plain, frozen with a batch at once, 4 streams frozen            |
    | 1       |                              | plain, frozen with a batch at once                              |
    | 4       | 2 streams frozen; bf16       | plain, 2 streams frozen, the same in bf16                       |
    | any     | a round that did not fit     |                                                                 |
    """
    if any(not one for one in taken):
        return ()
    counts = _streams(threads)
    rounds_before = len(taken) + (0 if counts else 1)
    sizes = _sizes(signature)
    if rounds_before == 0:
        return (PLAIN, *_ways(counts, sizes))
    best = choose(taken).plan
    if rounds_before == 1:
        # Streams of an exported graph share its ops out to all threads, and wait for each other: frozen ones do not.
        tried = _ways({best.streams, *counts[-1:]} - {1}, sizes)
        at_once = (PLAIN,) if best == PLAIN or all_ways else ()
        return tuple(
            dict.fromkeys([PLAIN, best, *(way.model_copy(update={"frozen": True}) for way in (*at_once, *tried))])
        )
    if rounds_before == 2 and bf16:
        frozen = [way for way, timed in taken[-1].items() if way.frozen and not timed.against]
        if frozen:
            fastest = max(frozen, key=lambda way: taken[-1][way].images_per_s)
            alike = [way for way in frozen if way.streams == fastest.streams]
            return (PLAIN, fastest, *(way.model_copy(update={"bf16": True}) for way in alike))
    return ()


def choose(taken: Sequence[Round]) -> Choice:
    """The fastest way that finds the same, if it is faster by 5 %; of those within 3 % of it, the one with less memory.

    Speeds are those over PLAIN of the same round, the last one where there are several.
    """
    speeds = {
        way: Choice(way, timed.images_per_s, one[PLAIN].images_per_s)
        for one in taken
        for way, timed in one.items()
        if not timed.against
    }
    worth_it = [each for each in speeds.values() if each.speedup >= GAIN_MIN]
    if not worth_it:
        return speeds.get(PLAIN, UNTIMED)
    fastest = max(each.speedup for each in worth_it)
    return min((each for each in worth_it if each.speedup >= AS_FAST * fastest), key=_cost)


def _streams(threads: int) -> list[int]:
    """Powers of two from 2 up to the threads."""
    return [1 << power for power in range(1, STREAMS_MAX.bit_length()) if 1 << power <= threads]


def _sizes(signature: Signature) -> tuple[int, ...]:
    """Images of a stream's call."""
    match signature.batch:
        case "dynamic":
            return 1, STACK
        case "one":
            return (1,)
        case number:
            return (number,)


def _ways(counts: Iterable[int], sizes: Sequence[int]) -> list[EnginePlan]:
    return [EnginePlan(streams=count, call_images=size) for count in sorted(counts) for size in sizes]


def _cost(choice: Choice) -> tuple[bool, int, int, bool, float]:
    """Least first: what a frozen graph holds while it is made ready is the most."""
    plan = choice.plan
    return plan.frozen, plan.streams, plan.call_images or 0, plan.bf16, -choice.speedup
