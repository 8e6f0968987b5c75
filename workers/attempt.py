"""One run: the images of a claim, or of several small ones, through header, admission, decode, model and ledger, in
batches of one size.

Covers the happy path and what concerns single images; their bytes and pixels come from `workers.images.claimed`. Does
not decide what follows a failure (`workers.ladder`) and does not act on it (`workers.closing`). Imports OpenCV: slots
only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from celery.utils.log import get_logger

from contract.errors import ModelBroken, ModelUnavailable
from contract.ledger import BatchRun, Claim
from contract.messages import Failure, ImageRef, ImageResult
from contract.model_spec import ModelSpec
from workers.batches import Readable, planned_batches
from workers.closing import failed_result
from workers.engine.boxes import to_detections
from workers.engine.feed import stacked
from workers.images.ahead import read_ahead
from workers.images.claimed import ClaimedImages, as_decoded, failure_of
from workers.images.fetch import is_remote
from workers.in_batch import Decoded, through
from workers.ladder import Mishap, Stage
from workers.lease import LeaseKeeper, LeaseLost
from workers.recording import record
from workers.sight import seen_by
from workers.slot import Slot
from workers.slot_memory import needed
from workers.together import Claims, Tally
from workers.verdict import describe_error, verdict_of

if TYPE_CHECKING:
    from workers.engine.saved_model import RawDetections, SavedModel

logger = get_logger(__name__)

Indexed = tuple[int, ImageResult]


class AttemptFailed(Exception):  # never leaves the task
    """The attempt cannot go on; what it recorded so far stands."""

    def __init__(self, mishap: Mishap) -> None:
        super().__init__(mishap.detail)
        self.mishap = mishap


class WorkerLeaves(Exception):  # never leaves the task
    """The worker is shutting down: what is not done yet is handed back."""


class ModelAway(Exception):  # never leaves the task
    """The model store does not answer, or the cache is full of models in use: it may be had later."""


@dataclass
class AttemptRun:
    slot: Slot
    claims: Claims
    lease: LeaseKeeper
    #: Celery's node name, for the results.
    worker: str
    tally: Tally = field(default_factory=Tally)
    images: ClaimedImages = field(init=False)

    def __post_init__(self) -> None:
        self.images = ClaimedImages(self.slot.settings, self.slot.blobs)

    @property
    def claim(self) -> Claim:
        """The first, for what all have in common: options and batch size."""
        return self.claims.first

    def run(self) -> None:
        """Works through the claims, recording as it goes. Raises AttemptFailed, ModelAway, WorkerLeaves, LeaseLost."""
        with self.slot.memory.attempt(self.claims.first, self.claims.companions), self.images:
            self.slot.memory.box.enter("decode")
            readable = self._headers()
            if readable:
                model = self._model()
                seen = readable if self.claim.options.exact else list(seen_by(model.spec.signature, readable))
                for batch in planned_batches(seen, self.claim.batch_size, alike=model.plan.streams == 1):
                    self._admit(model, batch)

    def _headers(self) -> list[Readable]:
        """Every image whose header is fine; the others get their failure now."""
        readable, failed = list[Readable](), list[Indexed]()
        with closing(read_ahead(self.claims.images, self.images.bytes_of)) as ahead:
            for image, bytes_of_it in ahead:
                self._may_go_on()
                try:
                    readable.append(self.images.header(image, bytes_of_it()))
                except Exception as error:
                    if verdict_of(error) == "memory":
                        raise AttemptFailed(_mishap(error, [image.index])) from error
                    failed.append(self._failure(image, failure_of(error)))
                    if is_remote(image.uri):  # it may have taken long, and the time of the attempt may run out
                        self._record(failed)
                        failed = []
        self._record(failed)
        return readable

    def _model(self) -> SavedModel:
        """The model, loaded. One that cannot fit here is not tried: loading it would be the end of the process."""
        options, memory = self.claim.options, self.slot.memory
        try:
            held = self.slot.models.held(options.digest, exact=options.exact)
            if held is not None:
                return held
            memory.box.enter("load", [])
            self._make_room(self.slot.models.spec(options.model, options.digest))
            room_bytes = memory.loading_room_bytes()
            model = self.slot.models.get(options.model, options.digest, exact=options.exact, room_bytes=room_bytes)
        except ModelUnavailable as error:
            memory.wait_until(self._not_yet)
            raise ModelAway(str(error)) from error
        except ModelBroken as error:
            raise AttemptFailed(Mishap("model", str(error), stage="load")) from error
        except (AttemptFailed, WorkerLeaves, LeaseLost):
            raise
        except Exception as error:
            raise AttemptFailed(_mishap(error, stage="load")) from error
        memory.model_loaded()
        return model

    def _make_room(self, spec: ModelSpec) -> None:
        """Waits a little for memory that others hold just now."""
        memory = self.slot.memory
        room = memory.room_for(spec)
        if room.batch or (memory.could_ever_load(spec) and memory.wait_until(partial(self._has_room, spec))):
            return
        victim = memory.could_ever_load(spec)
        raise AttemptFailed(Mishap("memory", f"the model {needed(room)}", stage="load", victim=victim))

    def _has_room(self, spec: ModelSpec) -> bool:
        self._may_go_on()
        return self.slot.memory.room_for(spec).batch > 0

    def _admit(self, model: SavedModel, batch: Sequence[Readable]) -> None:
        """Runs `batch`, in parts if it does not fit at once. Waits a little for memory that others hold just now."""
        memory, digest = self.slot.memory, self.claim.options.digest
        while batch:
            self._may_go_on()
            batch = [readable for readable in batch if self._is_wanted(readable.image)]
            if not batch:
                return
            sizes = [readable.megapixels for readable in batch]
            with memory.reserve(model.spec, digest, sizes, len(batch), model.plan.streams) as admission:
                part, batch = batch[: admission.batch], batch[admission.batch :]
                if part:
                    self._batch(model, part)
                    memory.fitted(digest, len(part))
                    continue
            alone = frozenset({batch[0].image.index})
            if not memory.could_ever_hold(admission):
                raise AttemptFailed(Mishap("memory", needed(admission), batch=alone))
            if not memory.wait_until(partial(self._fits_now, model, batch[0])):
                raise AttemptFailed(Mishap("memory", needed(admission), batch=alone, victim=True))

    def _is_wanted(self, image: ImageRef) -> bool:
        return self.lease.standing(self.claims.of(image.index)) == "held"

    def _fits_now(self, model: SavedModel, first: Readable) -> bool:
        self._may_go_on()
        with self.slot.memory.reserve(model.spec, self.claim.options.digest, [first.megapixels], 1) as admission:
            return admission.batch > 0

    def _batch(self, model: SavedModel, batch: Sequence[Readable]) -> None:
        """Records what the batch gave, in one go, also when memory runs out in the middle of it."""
        memory, indexes = self.slot.memory, [readable.image.index for readable in batch]
        memory.box.enter("decode", indexes)
        results, began_s = list[Indexed](), time.perf_counter()
        short: Exception | None = None
        detect, failed = partial(self._detect, model), self._not_decoded
        in_calls = partial(memory.box.enter, "run")
        try:
            for some in through(model, batch, self.slot.decoders, self.images.bytes_again, detect, failed, in_calls):
                results += some
        except Exception as error:
            if verdict_of(error) != "memory":
                raise
            short = error
        memory.box.enter("record")
        called = sum(result.ok for _, result in results)
        self._record(results, memory.measured(called, time.perf_counter() - began_s) if called else None)
        if short is not None:
            raise AttemptFailed(_mishap(short, indexes)) from short
        memory.box.enter("record", [])

    def _not_decoded(self, readable: Readable, error: Exception) -> Indexed:
        if verdict_of(error) == "memory":
            raise error
        return self._failure(readable.image, failure_of(error))

    def _detect(self, model: SavedModel, decoded: Sequence[Decoded]) -> list[Indexed]:
        """In one of the model's threads."""
        try:
            outputs = model.detect(stacked([pixels for _, pixels in decoded]))
            return [
                self._success(as_decoded(readable, pixels), raw, model, len(decoded))
                for (readable, pixels), raw in zip(decoded, outputs, strict=True)
            ]
        except Exception as error:
            if verdict_of(error) == "memory":
                raise
            if len(decoded) > 1:  # only the offender fails: each image alone
                return [result for item in decoded for result in self._detect(model, [item])]
            return [self._failure(decoded[0][0].image, Failure(code="model_failed", message=describe_error(error)))]

    def _not_yet(self) -> bool:
        self._may_go_on()
        return False

    def _may_go_on(self) -> None:
        self.lease.check()
        if self.slot.leaving():
            raise WorkerLeaves
        if self.slot.memory.out_of_time:
            limit_s = self.slot.settings.task_timeout.total_seconds()
            raise AttemptFailed(Mishap("timeout", f"not done after {limit_s:g} s; the results so far are kept"))

    def _success(self, readable: Readable, raw: RawDetections, model: SavedModel, batch_size: int) -> Indexed:
        image = readable.image
        detections = to_detections(
            raw,
            width_px=readable.width_px,
            height_px=readable.height_px,
            labels=model.spec.labels,
            min_score=self.claim.options.min_score,
        )
        result = ImageResult(
            image=image.name,
            width=readable.width_px,
            height=readable.height_px,
            model=self.claim.options.model,
            detections=detections,
            worker=self.worker,
            batch_size=batch_size,
            attempts=self.claims.of(image.index).attempt,
            degraded={"scale": 1 / image.shrink} if image.shrink > 1 else None,
        )
        return image.index, result

    def _failure(self, image: ImageRef, failure: Failure) -> Indexed:
        model, attempt = self.claim.options.model, self.claims.of(image.index).attempt
        return image.index, failed_result(image, failure, model=model, worker=self.worker, attempt=attempt)

    def _record(self, results: list[Indexed], run: BatchRun | None = None) -> None:
        if results:
            record(self.slot, self.claims, self.lease, self.tally, self.worker, results, run)


def _mishap(error: Exception, batch: Sequence[int] = (), stage: Stage = "run") -> Mishap:
    return Mishap(verdict_of(error), describe_error(error), stage=stage, batch=frozenset(batch))
