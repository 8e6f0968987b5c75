"""The claims of one run: one task, or several small ones whose images share model calls. Pure.

Why it is safe to run strangers together: only tasks that were never attempted are (`claim_together`). Whatever goes
wrong in a shared run, who is not known to be the cause is put back as it was, at the price of one attempt, and runs
alone from then on, with a verdict of its own. So a poisonous image costs its neighbours a model call, and nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from contract.ledger import Attempt, Claim
from contract.messages import ImageRef, ImageResult
from workers.ladder import Mishap

Item = TypeVar("Item")


class Claims:
    """Images of different tasks may have one index, so each has a number within the run. In a run of one task it is
    its index.
    """

    def __init__(self, first: Claim, companions: Sequence[Claim] = ()) -> None:
        self.first = first
        self.companions = tuple(companions)
        owned = [(claim, image) for claim in self.all for image in claim.images]
        self._owned = {
            number if self.shared else image.index: (claim, image) for number, (claim, image) in enumerate(owned)
        }
        #: With their number for an index.
        self.images: tuple[ImageRef, ...] = (
            tuple(image.model_copy(update={"index": number}) for number, (_, image) in self._owned.items())
            if self.shared
            else first.images
        )

    @property
    def all(self) -> tuple[Claim, ...]:
        return (self.first, *self.companions)

    @property
    def shared(self) -> bool:
        return bool(self.companions)

    def of(self, number: int) -> Claim:
        """Whose image it is."""
        return self._owned[number][0]

    def by_claim(self, numbered: Sequence[tuple[int, Item]]) -> list[tuple[Claim, list[tuple[int, Item]]]]:
        """(number, item) pairs as (index, item) pairs of each claim that has any, in the order of the claims."""
        found: defaultdict[str, list[tuple[int, Item]]] = defaultdict(list)
        for number, item in numbered:
            claim, image = self._owned[number]
            found[claim.task].append((image.index, item))
        return [(claim, found[claim.task]) for claim in self.all if claim.task in found]

    def blamed(self, mishap: Mishap) -> list[tuple[Claim, Mishap]]:
        """What a mishap of the run, which the slot has survived, is to each claim.

        | it was about                      | the claim whose they are       | the others   |
        |-----------------------------------|--------------------------------|--------------|
        | the model, which does not load    | the same, for all are alike    |              |
        | images of one claim               | the same, about its own images | put back     |
        | images of several, or nobody knows|                                | put back     |
        """
        if not self.shared or mishap.stage == "load":
            return [(claim, mishap) for claim in self.all]
        owners = {self.of(number).task for number in mishap.batch}
        if len(owners) != 1:
            return [(claim, replace(mishap, shared=True)) for claim in self.all]
        own = frozenset(self._owned[number][1].index for number in mishap.batch)
        return [
            (
                claim,
                replace(mishap, batch=own) if claim.task in owners else replace(mishap, shared=True, batch=frozenset()),
            )
            for claim in self.all
        ]


@dataclass
class Tally:
    """What a run has recorded."""

    #: Images, by task.
    succeeded: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    #: Most anonymous bytes of the slot in the batches that are done.
    peak_bytes: int = 0

    def add(self, claim: Claim, results: Sequence[tuple[int, ImageResult]]) -> None:
        failed = sum(not result.ok for _, result in results)
        self.failed[claim.task] += failed
        self.succeeded[claim.task] += len(results) - failed

    def of(self, claim: Claim) -> tuple[int, int]:
        """Images of it that succeeded and that failed."""
        return self.succeeded[claim.task], self.failed[claim.task]

    def ends_with(self, claim: Claim, results: Sequence[tuple[int, ImageResult]]) -> bool:
        """Whether every image of it has its result with these."""
        return sum(self.of(claim)) + len(results) == len(claim.images)

    def attempt(self, claim: Claim, worker: str, ended: datetime) -> Attempt:
        """The attempt at it, for its history, when every image has its result."""
        return Attempt(
            attempt=claim.attempt,
            worker=worker,
            batch_size=claim.batch_size,
            ended=ended,
            peak_bytes=self.peak_bytes or None,
        )
