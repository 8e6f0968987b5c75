"""Facts of a fleet with everything filled in, so that a test names only what it is about."""

from collections.abc import Iterable, Mapping
from typing import Any

from contract.ledger import Backlog, Work
from contract.memory import parse_bytes
from contract.model_spec import ModelSpec
from contract.registry import Advert
from contract.vitals import SlotVitals, Vitals
from producer.fleet import Facts, Worker
from tests.support.builders import advert

#: 2026-11-24 12:00:00 UTC.
NOON_S = 1_795_521_600.0


def vitals(node: str = "small@yard", *, slots: int = 1, busy: int = 0, used: str = "1g", **fields: Any) -> Vitals:
    """Of a worker that started an hour ago."""
    return Vitals(
        **{
            "node": node,
            "up_s": 3600.0,
            "slots": slots,
            "slots_busy": busy,
            "memory_bytes": parse_bytes(used),
            **fields,
        }
    )


def worker(node: str = "small@yard", *, old: bool = False, lives: Vitals | None = None, **advert_fields: Any) -> Worker:
    """`old`: of a Vedette that has no vitals."""
    there: Advert = advert(node, **advert_fields)
    has = there.capability
    return Worker(there, None if old else lives or vitals(node, slots=has.slots))


def at_work(
    node: str,
    rates: Mapping[str, float],
    *,
    busy: int | None = None,
    lately: float | None = None,
    **advert_fields: Any,
) -> Worker:
    """Every slot, or `busy` of them, is at the first model of `rates`: images per second of the last minute.

    `lately`: how many of them were at work in that minute, on average; None: as many as now.
    """
    there = advert(node, **advert_fields)
    slots = there.capability.slots
    working = slots if busy is None else busy
    lately = float(working) if lately is None else lately
    each = tuple(
        SlotVitals(pid=100 + n, stage="run" if n < working else "idle", model=next(iter(rates)) if n < working else "")
        for n in range(slots)
    )
    return Worker(
        there, vitals(node, slots=slots, busy=working, each=each, images_per_s=dict(rates), slots_busy_lately=lately)
    )


def facts(
    workers: Iterable[Worker] = (),
    models: Iterable[ModelSpec] = (),
    *,
    queues: Mapping[str, Work] | None = None,
    of_models: Mapping[str, Work] | None = None,
    **fields: Any,
) -> Facts:
    backlog = Backlog(
        **{
            "queues": queues or {},
            "models": of_models or {},
            "parts": {},
            "oldest_s": {},
            "slots_busy": {},
            "estimated": False,
            "now_s": NOON_S,
            **fields,
        }
    )
    return Facts(workers=[*workers], models=[*models], backlog=backlog)
