"""Amounts of memory: tiers, and how people write and read them.

A tier is the memory that a slot must offer to serve a queue. Tiers are powers of two from 512 MiB to 128 GiB, so that
a fleet of unlike machines meets in a few queues instead of one queue per model.
"""

import re
from typing import Final

MIB: Final = 1024**2
GIB: Final = 1024**3

#: Tier sizes in bytes, smallest first: 512 MiB, 1, 2, 4 … 128 GiB.
TIERS_BYTES: Final[tuple[int, ...]] = tuple(512 * MIB * 2**n for n in range(9))

_AMOUNT = re.compile(r"^\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?:i?b)?\s*$", re.IGNORECASE)
_UNIT_BYTES = {"": 1, "k": 1024, "m": MIB, "g": GIB, "t": 1024 * GIB}


def tier_for(memory_bytes: int) -> int:
    """The smallest tier, in bytes, that holds `memory_bytes`; ValueError when none does."""
    for tier_bytes in TIERS_BYTES:
        if memory_bytes <= tier_bytes:
            return tier_bytes
    largest = tier_name(TIERS_BYTES[-1])
    raise ValueError(f"{format_bytes(memory_bytes)} is more than the largest memory tier, {largest}")


def tier_name(tier_bytes: int) -> str:
    """`512m`, `1g`, … `128g`: the spelling used in queue names."""
    return f"{tier_bytes // GIB}g" if tier_bytes >= GIB else f"{tier_bytes // MIB}m"


def tier_in_words(tier_bytes: int) -> str:
    """`512 MiB`, `1 GiB`, … `128 GiB`: for people, beside what workers have."""
    return f"{tier_bytes // GIB} GiB" if tier_bytes >= GIB else f"{tier_bytes // MIB} MiB"


def parse_tier(name: str) -> int:
    """Inverse of `tier_name`; ValueError for anything that is not a tier."""
    for tier_bytes in TIERS_BYTES:
        if tier_name(tier_bytes) == name:
            return tier_bytes
    raise ValueError(f"{name!r} is no memory tier; tiers are {', '.join(map(tier_name, TIERS_BYTES))}")


def parse_bytes(text: str) -> int:
    """`"1.5g"`, `"512MiB"`, `"2147483648"` to bytes. Units are powers of 1024, as in Docker."""
    match = _AMOUNT.match(text)
    amount_bytes = 0 if match is None else int(float(match["number"]) * _UNIT_BYTES[match["unit"].lower()])
    if amount_bytes == 0:
        raise ValueError(f"{text!r} is no amount of memory; write for example 512m, 1.5g or 4GiB")
    return amount_bytes


def format_bytes(amount_bytes: int) -> str:
    """`1.9 GiB`, `320 MiB`, `12 KiB`: for people, one decimal from GiB on."""
    if amount_bytes >= GIB:
        return f"{amount_bytes / GIB:.1f} GiB"
    if 0 < amount_bytes < MIB:
        return f"{amount_bytes / 1024:.0f} KiB"
    return f"{amount_bytes / MIB:.0f} MiB"
