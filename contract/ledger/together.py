"""The ledger's verbs of a slot that runs several small tasks together: one claim more, and the others for all at once.

Each task keeps its own attempt, lease, results and history: together they have a model call, and a round trip.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from contract import keys
from contract.ledger.attempts import Attempts, Closed, Recorded, Standing, in_order
from contract.ledger.counts import BatchRun
from contract.ledger.records import Attempt, Claim, PutBack
from contract.messages import VERSION, ImageResult

#: Tasks that a claim may take along, and the oldest of a queue that are looked at for them.
COMPANIONS_MAX: Final = 15
_LOOKED_AT: Final = 64


@dataclass(frozen=True)
class Recording:
    """Results, as (index, result), of one claim. `run`: as of `record`; of several with one model call, one has it."""

    claim: Claim
    results: Sequence[tuple[int, ImageResult]]
    run: BatchRun | None = None
    #: With the last results of the claim: its attempt, closed in the same step if no image is left then.
    ends: Attempt | None = None


class Together(Attempts):
    def claim_together(self, first: Claim, worker: str, slots: int = 1) -> tuple[Claim, ...]:
        """Small tasks that wait on the queue of `first` and may share its batch, each with a lease of its own.

        `lua/claim_together.lua` says which. Of a worker of several `slots` each takes its share of what waits, or one
        would work and the others stand idle. Neither `first` nor any of them was attempted before: what failed once
        runs alone, and is judged alone. Nobody is asked when nothing waited beside `first`.
        """
        room = first.batch_size - len(first.images)
        if first.attempt > 1 or not first.others_wait or room < 1:
            return ()
        taken = self._scripts.claim_together(
            [
                *(keys.bells(first.queue), keys.LEASES),
                *(keys.job(first.job), keys.task(first.task), keys.task_history(first.task)),
            ],
            [
                *(first.task, first.attempt, worker, self._lease_ms, self._lifetime_ms, self._shared_lifetime_ms),
                *(uuid.uuid4().hex, keys.job("%s"), keys.task("%s"), VERSION, room, COMPANIONS_MAX, _LOOKED_AT),
                slots,
            ],
        )
        return tuple(
            replace(first, job=job, task=task, attempt=int(attempt), images=in_order(pairs[1::2]))
            for task, job, attempt, *pairs in taken
        )

    def renew_all(self, claims: Sequence[Claim]) -> list[Standing]:
        """How each stands, as of `renew`."""
        return self._at_once([partial(self._scripts.renew, *self._renewal(claim)) for claim in claims])

    def record_all(self, recordings: Sequence[Recording]) -> list[Recorded]:
        """What became of each, as of `record`, or of `record_last` where an attempt ends."""
        return self._at_once([self._recorder(each) for each in recordings])

    def _recorder(self, each: Recording) -> partial[Any]:
        claim = each.claim
        if each.ends is None:
            call = self._recording(claim.job, claim.task, claim.attempt, each.results, each.run)
            return partial(self._scripts.record, *call)
        call = self._recording_last(claim.job, claim.task, each.ends, each.results, each.run)
        return partial(self._scripts.record_last, *call)

    def close_all(self, ended: Sequence[tuple[Claim, Attempt, PutBack]]) -> list[Closed]:
        """What became of each, as of `close`, for attempts in which nobody's slot died."""
        return self._at_once(
            [
                partial(self._scripts.close, *self._closing(claim.job, claim.task, attempt, back, None))
                for claim, attempt, back in ended
            ]
        )
