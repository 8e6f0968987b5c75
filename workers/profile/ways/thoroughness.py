"""How much is done to find an engine plan."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thoroughness:
    #: How long each way is timed.
    repeat_s: float
    #: Of one child, import and load included.
    timeout_s: float
    #: Also what is rarely the fastest: `order.next_round`.
    all_ways: bool = False
