"""Amounts and names as people say them."""

from collections.abc import Sequence
from typing import Final

from contract.capability import ANY_CPU, Requirement
from contract.memory import tier_in_words

_NAMED: Final = 3


def duration(seconds: float) -> str:
    """`8 s`, `4 min`, `2 h 5 min`, `3 d 4 h`."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def count(number: int, noun: str) -> str:
    """`1 image`, `2 images`, `1,200 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def names(nodes: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    more = len(nodes) - _NAMED
    return ", ".join(nodes[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def needs_in_words(needs: Requirement) -> str:
    """`2 GiB a slot, CPU level x86_64_v3, amx_bf16`."""
    level = [] if needs.cpu_level == ANY_CPU else [f"CPU level {needs.cpu_level}"]
    return ", ".join([f"{tier_in_words(needs.memory_bytes)} a slot", *level, *sorted(needs.cpu_features)])
