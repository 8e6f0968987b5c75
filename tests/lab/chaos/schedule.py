"""Which fault strikes, when, and for how long. Pure: a seed in, a list out."""

import random
from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal[
    "kill a slot",
    "kill a worker",
    "kill a main process",
    "freeze a worker",
    "stop a worker",
    "kill Redis",
    "fail Redis over",
    "freeze Redis",
    "fill Redis",
    "cut connections",
    "cut a cable",
    "push garbage",
    "double doorbells",
    "lose doorbells",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: What costs the fleet nothing but a moment comes up more often than what costs it a worker's start.
_CHEAP: Final[tuple[Kind, ...]] = ("kill a slot", "cut connections", "double doorbells", "lose doorbells")
_DECK: Final[tuple[Kind, ...]] = (*KINDS, *_CHEAP)

#: Mean seconds between two faults, unless the time is too short for each kind to come up.
_GAP_S: Final = 4.0
#: How long Redis is away. Below the 30 s that a producer waits and the 60 s that a slot does.
_REDIS_AWAY_S: Final = (0.5, 6.0)
#: How long a master stays away that is to be replaced.
_REPLACED_S: Final = (4.0, 8.0)
#: How long a cable is out: for less than a lease, and for more.
_CABLE_OUT_S: Final = (1.0, 9.0)
#: How much longer than a lease a worker is frozen.
_BEYOND_LEASE_S: Final = (0.5, 4.0)


@dataclass(frozen=True)
class Fault:
    at_s: float
    kind: Kind
    #: For those that end again.
    lasts_s: float
    #: Seed of what the fault still has to choose: which worker, which doorbell.
    pick: int


def faults(seed: int, seconds: float, lease_s: float) -> list[Fault]:
    """Faults for a run of `seconds`, in order. Each kind comes up before any does for the third time."""
    draw = random.Random(f"faults {seed}")
    gap_s = min(_GAP_S, seconds / (len(_DECK) + 1))
    found: list[Fault] = []
    at_s = 0.0
    while True:
        for kind in draw.sample(_DECK, len(_DECK)):
            at_s += draw.uniform(0.25, 1.75) * gap_s
            if at_s >= seconds:
                return found
            found.append(Fault(round(at_s, 1), kind, _lasts_s(draw, kind, lease_s), draw.getrandbits(32)))


def _lasts_s(draw: random.Random, kind: Kind, lease_s: float) -> float:
    match kind:
        case "freeze a worker":
            return round(lease_s + draw.uniform(*_BEYOND_LEASE_S), 1)
        case "cut a cable":
            return round(draw.uniform(*_CABLE_OUT_S), 1)
        case "freeze Redis" | "fill Redis":
            return round(draw.uniform(*_REDIS_AWAY_S), 1)
        case "fail Redis over":
            return round(draw.uniform(*_REPLACED_S), 1)
        case _:
            return 0.0
