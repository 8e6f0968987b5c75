"""Ends the attempts of one run, each claim by itself: stopped, handed back, put back or done; and tells the log of it.

What follows a mishap is decided in `workers.ladder` and acted on in `workers.closing`.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, assert_never

from celery.utils.log import get_logger

from contract.ledger import Claim, PutBack, TaskRecord
from contract.ledger.attempts import Standing
from contract.logs import tell
from workers.closing import Settled, hand_back, settle
from workers.ladder import Mishap
from workers.lease import LeaseKeeper
from workers.patience import patiently
from workers.slot import Slot
from workers.together import Claims, Tally

logger = get_logger(__name__)

#: How an attempt ended, in a word, or what became of it when it failed.
End = str | Settled


def end_each(
    slot: Slot, claims: Claims, lease: LeaseKeeper, tally: Tally, worker: str, how: Mishap | str | None, took_s: float
) -> dict[str, End]:
    """By task. `how` the run ended: in a mishap, with a reason to hand back what is left, or, None, with nothing left.

    A claim that was lost meanwhile is nobody's business here, and one whose last results closed it is done, however the
    run of the others ended.
    """
    held, ends = list[Claim](), dict[str, End]()
    for claim in claims.all:
        match standing := lease.standing(claim):
            case "held":
                held.append(claim)
            case "closed":
                _tell_done(claim, worker, tally, took_s)
                ends[claim.task] = "done"
            case "cancelled" | "fenced":
                _tell_stopped(claim, worker, standing)
                ends[claim.task] = standing
            case _:
                assert_never(standing)
    if how is None:
        ends |= _done(slot, held, tally, worker, took_s)
    elif isinstance(how, Mishap):
        seen = replace(how, peak_bytes=slot.memory.peak_bytes)
        for claim, mishap in claims.blamed(seen):
            if claim in held:
                ends[claim.task] = _settle(slot, claim, worker, mishap)
    else:
        for claim in held:
            ends[claim.task] = _hand_back(slot, claim, worker, how)
    return ends


def about(claim: Claim, worker: str) -> dict[str, Any]:
    """For the log and for traces."""
    of_job = {"job": claim.job, "task": claim.task, "attempt": claim.attempt, "model": claim.options.model}
    return {**of_job, "queue": claim.queue, "batch_size": claim.batch_size, "worker": worker}


def tell_begun(claim: Claim, worker: str) -> None:
    text, images = "task %s attempt %d begins: %d images for %s, batch %d", len(claim.images)
    args = (claim.task, claim.attempt, images, claim.options.model, claim.batch_size)
    tell(logger, logging.INFO, "attempt_begun", text, *args, images=images, **about(claim, worker))


def _tell_stopped(claim: Claim, worker: str, standing: Standing) -> None:
    text, args = "task %s attempt %d stops: %s", (claim.task, claim.attempt, standing)
    tell(logger, logging.WARNING, "attempt_stopped", text, *args, **about(claim, worker))


def _tell_done(claim: Claim, worker: str, tally: Tally, took_s: float) -> None:
    succeeded, failed = tally.of(claim)
    text = "task %s attempt %d done: %d succeeded, %d failed in %.1f s"
    args = (claim.task, claim.attempt, succeeded, failed, took_s)
    counts = {"succeeded": succeeded, "failed": failed, "took_s": round(took_s, 3)}
    tell(logger, logging.INFO, "attempt_done", text, *args, **counts, **about(claim, worker))


def _done(slot: Slot, claims: Sequence[Claim], tally: Tally, worker: str, took_s: float) -> dict[str, End]:
    now = datetime.now(UTC)
    closings = [(claim, tally.attempt(claim, worker, now), PutBack(claim.queue, claim.batch_size)) for claim in claims]
    if closings:
        patiently(lambda: slot.office.ledger.close_all(closings))
    for claim in claims:
        _tell_done(claim, worker, tally, took_s)
    return {claim.task: "done" for claim in claims}


def _settle(slot: Slot, claim: Claim, worker: str, mishap: Mishap) -> Settled:
    return patiently(lambda: settle(slot.office, _record_of(claim, worker), mishap))


def _hand_back(slot: Slot, claim: Claim, worker: str, why: str) -> str:
    closed = patiently(lambda: hand_back(slot.office, _record_of(claim, worker), why))
    return "done" if closed == "done" else "handed back"


def _record_of(claim: Claim, worker: str) -> TaskRecord:
    return TaskRecord(
        job=claim.job,
        task=claim.task,
        state="running",
        queue=claim.queue,
        batch_size=claim.batch_size,
        attempt=claim.attempt,
        worker=worker,
        options=claim.options,
    )
