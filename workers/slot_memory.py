"""The memory side of a slot: admission before a batch, guard and black box during it, what was learned after it.

The attempt asks here and knows nothing of samples, promises or limits. `workers.memory` has the parts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import redis
from celery.utils.log import get_logger

from contract.capability import worker_class
from contract.ledger import BatchRun, Claim
from contract.memory import format_bytes
from contract.model_spec import ModelSpec
from workers.memory.admission import Admission, Budget, added_bytes, admit
from workers.memory.blackbox import BlackBox
from workers.memory.guard import Guard, default_floor_bytes
from workers.memory.learned import LearnedSizes
from workers.memory.reservation import Reservation
from workers.memory.sample import Sampler

logger = get_logger(__name__)

#: How long an attempt waits for memory that others hold now, before it gives its images back.
WAIT_FOR_MEMORY: Final = timedelta(seconds=10)
_LOOK_AGAIN_S: Final = 0.2
#: The hard deadline of an attempt, in time limits: a model call cannot be interrupted, only its process ended.
_HARD: Final = 2


class SlotMemory:
    """One per slot process, made in that process: it samples itself."""

    def __init__(
        self, boxes: Path, share_bytes: int, learned: LearnedSizes, task_timeout: timedelta, machine: str = ""
    ) -> None:
        """`machine`: `contract.capability.machine_class` of the worker."""
        self.box = BlackBox(boxes, share_bytes=share_bytes)
        self.worker_class = worker_class(share_bytes)
        self._machine = machine
        self._sampler = Sampler()
        self._floor_bytes = default_floor_bytes(self._sampler.smallest_limit_bytes() or share_bytes)
        self._guard = Guard(Sampler(), self.box, share_bytes, self._floor_bytes).start()
        self._learned = learned
        self._timeout_s = task_timeout.total_seconds()
        self._share_bytes = share_bytes
        #: Right after the model was loaded: what is held beyond that was kept by the allocator.
        self._resident_bytes: int | None = None
        self._begun_s = 0.0

    @contextmanager
    def attempt(self, claim: Claim, companions: Sequence[Claim] = ()) -> Iterator[None]:
        """For the time of one attempt the box tells of it and of those that it shares, and its deadline counts."""
        self._begun_s = time.monotonic()
        self.box.begin(
            *(claim.job, claim.task, claim.attempt, claim.batch_size),
            model=claim.options.model,
            queue=claim.queue,
            companions={each.task: each.attempt for each in companions},
        )
        self._guard.set_deadline(self._begun_s + _HARD * self._timeout_s)
        try:
            yield
        finally:
            self._guard.set_deadline(None)
            self.box.rest()

    def await_intake(self) -> None:
        """Before a claim: waits for `WAIT_FOR_MEMORY` at most while memory is short, however little work there is.

        The claim is made all the same then: admission decides what of it fits, and the ladder what follows.
        """
        if not self._guard.wait_until_fine(WAIT_FOR_MEMORY.total_seconds()):
            logger.warning("memory is short (%s): work goes on in what is left", self.box.entry.tightest)

    @property
    def out_of_time(self) -> bool:
        """The attempt has had its time; what it has recorded stays."""
        return time.monotonic() - self._begun_s > self._timeout_s

    def model_loaded(self) -> None:
        self._resident_bytes = self._sampler.sample().anon_bytes

    def room_for(self, spec: ModelSpec) -> Admission:
        """Whether the model and one image of its usual size fit now; asked before it is loaded."""
        sample = self._sampler.sample()
        budget = Budget(self._share_bytes, sample.anon_bytes, sample.free_bytes, sample.tightest)
        load_bytes = max(0, spec.memory.base_bytes - sample.anon_bytes)
        return admit(
            spec.memory, _one_image(spec), 1, None, budget, load_bytes=load_bytes, batch_kind=spec.signature.batch
        )

    def loading_room_bytes(self) -> int:
        """What the process may hold just now, with what it holds already."""
        sample = self._sampler.sample()
        return min(self._share_bytes, sample.anon_bytes + sample.free_bytes - 2 * self._floor_bytes)

    def could_ever_load(self, spec: ModelSpec) -> bool:
        """Whether a model that has no room now would, were no other process in the way."""
        one_bytes = added_bytes(spec.memory, _one_image(spec), batch_kind=spec.signature.batch)
        return spec.memory.base_bytes + one_bytes <= self._share_bytes

    def reserve(
        self, spec: ModelSpec, digest: str, megapixels: Sequence[float], wanted: int, streams: int = 1
    ) -> Reservation:
        """`with … as admission:` the first `admission.batch` images may be decoded and run, `streams` calls at once."""
        known = self._limit(digest)
        kind = spec.signature.batch

        def decide(budget: Budget) -> Admission:
            return admit(spec.memory, megapixels, wanted, known, budget, batch_kind=kind, streams=streams)

        self._guard.mark()
        return Reservation(
            self.box,
            self._sampler,
            decide,
            reserve_bytes=2 * self._floor_bytes,
            resident_bytes=self._resident_bytes,
        )

    def could_ever_hold(self, admission: Admission) -> bool:
        """Whether an image that does not fit now would, were no other process in the way."""
        return admission.predicted_bytes <= self._share_bytes - (self._resident_bytes or 0)

    def wait_until(self, fits: Callable[[], bool]) -> bool:
        """Polls for `WAIT_FOR_MEMORY`; False when `fits` stayed false."""
        give_up_s = time.monotonic() + WAIT_FOR_MEMORY.total_seconds()
        while not fits():
            if time.monotonic() > give_up_s:
                return False
            time.sleep(_LOOK_AGAIN_S)
        return True

    @property
    def peak_bytes(self) -> int:
        """Most anonymous bytes that were seen since the last batch, or the attempt, began."""
        return self._guard.peak_since_mark()

    def measured(self, images: int, took_s: float) -> BatchRun:
        """What the model call took that has just ended, while its images are still promised.

        A call that was expected to fit into what the allocator had kept says nothing of the prediction: its peak is
        that of an earlier one.
        """
        entry = self.box.entry
        predicted_bytes = entry.anon_at_promise_bytes + entry.promised_bytes if entry.promised_bytes else 0
        peak_bytes = self._guard.peak_since_mark()
        return BatchRun(images, took_s, self.worker_class, predicted_bytes, peak_bytes, self._machine)

    def fitted(self, digest: str, images: int) -> None:
        """A batch ran; costs a batch nothing when Redis is away."""
        try:
            self._learned.fitted(digest, self.worker_class, images, self._guard.peak_since_mark())
        except redis.RedisError as error:
            logger.debug("batch size not learned, Redis is away: %s", error)

    def _limit(self, digest: str) -> int | None:
        try:
            return self._learned.limit(digest, self.worker_class)
        except redis.RedisError:
            return None


def _one_image(spec: ModelSpec) -> list[float]:
    """Megapixels of an image that the model must have room for, if it is to be loaded."""
    return [min(1.0, spec.requirement.image_megapixels)]


def needed(admission: Admission) -> str:
    """`needs 4.5 GiB, 0.9 GiB available (the slot's share of 2.0 GiB)`, for a dead letter."""
    return (
        f"needs {format_bytes(admission.predicted_bytes)}, "
        f"{format_bytes(admission.available_bytes)} available; {admission.limited_by}"
    )
