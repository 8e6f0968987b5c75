"""Records what a run has found, each claim's own, and with the last of a claim closes its attempt."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from contract.ledger import BatchRun, Recording
from contract.messages import ImageResult
from workers.lease import LeaseKeeper
from workers.patience import patiently
from workers.slot import Slot
from workers.together import Claims, Tally


def record(
    slot: Slot,
    claims: Claims,
    lease: LeaseKeeper,
    tally: Tally,
    worker: str,
    results: Sequence[tuple[int, ImageResult]],
    run: BatchRun | None,
) -> None:
    """(number, result) pairs of the run, and what the model call took that gave them. Raises LeaseLost."""
    tally.peak_bytes = max(tally.peak_bytes, run.peak_bytes if run is not None else 0)
    now = datetime.now(UTC)
    shares = [
        Recording(
            claim,
            of_it,
            run if place == 0 else None,  # the call counts once, with whoever comes first
            tally.attempt(claim, worker, now) if tally.ends_with(claim, of_it) else None,
        )
        for place, (claim, of_it) in enumerate(claims.by_claim(results))
    ]
    answers = patiently(lambda: slot.office.ledger.record_all(shares))
    for share, answer in zip(shares, answers, strict=True):
        if answer in ("recorded", "closed"):
            tally.add(share.claim, share.results)
            slot.memory.box.count(share.claim.options.model, len(share.results))
    for share, answer in zip(shares, answers, strict=True):
        match answer:
            case "recorded":
                pass
            case "closed":
                lease.closed(share.claim)
            case "cancelled" | "fenced":
                lease.lost(share.claim, answer)
            case _:
                assert_never(answer)
