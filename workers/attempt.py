"""One attempt: the images of a claim through header, admission, decode, model and ledger, in batches of one size.

Covers the happy path and what concerns single images. Does not decide what follows a failure (`workers.ladder`)
and does not act on it (`workers.closing`). Imports OpenCV: slots only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from celery.utils.log import get_logger

from contract.errors import ModelBroken, ModelUnavailable
from contract.ledger import BatchRun, Claim
from contract.messages import Failure, ImageRef, ImageResult
from contract.model_spec import ModelSpec
from workers.batches import Readable, planned_batches
from workers.closing import failed_result
from workers.engine.boxes import to_detections
from workers.images.ahead import read_ahead
from workers.images.decode import decode_rgb
from workers.images.errors import ImageError
from workers.images.fetch import is_remote, read_image
from workers.images.header import read_header
from workers.images.kept import KeptBytes
from workers.ladder import Mishap, Stage
from workers.lease import LeaseKeeper, LeaseLost
from workers.patience import patiently
from workers.sight import seen_by
from workers.slot import Slot
from workers.slot_memory import needed
from workers.verdict import describe_error, verdict_of

if TYPE_CHECKING:
    from workers.engine.saved_model import RawDetections, SavedModel

logger = get_logger(__name__)

Pixels = npt.NDArray[np.uint8]
Decoded = tuple[Readable, Pixels]
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
    claim: Claim
    lease: LeaseKeeper
    #: Celery's node name, for the results.
    worker: str
    succeeded: int = 0
    failed: int = 0
    #: Most anonymous bytes of the slot in the batches that are done.
    peak_bytes: int = 0
    kept: KeptBytes = field(default_factory=KeptBytes)

    def run(self) -> None:
        """Works through the claim, recording as it goes. Raises AttemptFailed, ModelAway, WorkerLeaves, LeaseLost."""
        with self.slot.memory.attempt(self.claim), self.kept:
            self.slot.memory.box.enter("decode")
            readable = self._headers()
            if readable:
                model = self._model()
                seen = readable if self.claim.options.exact else list(seen_by(model.spec.signature, readable))
                for batch in planned_batches(seen, self.claim.batch_size):
                    self._admit(model, batch)

    def _headers(self) -> list[Readable]:
        """Every image whose header is fine; the others get their failure now."""
        readable, failed = list[Readable](), list[Indexed]()
        with closing(read_ahead(self.claim.images, self._bytes_of)) as ahead:
            for image, bytes_of_it in ahead:
                self._may_go_on()
                try:
                    readable.append(self._header(image, bytes_of_it()))
                except Exception as error:
                    if verdict_of(error) == "memory":
                        raise AttemptFailed(_mishap(error, [image.index])) from error
                    failed.append(self._failure(image, _failure_of(error)))
                    if is_remote(image.uri):  # it may have taken long, and the time of the attempt may run out
                        self._record(failed)
                        failed = []
        self._record(failed)
        return readable

    def _header(self, image: ImageRef, data: bytes) -> Readable:
        header = read_header(data, self.slot.settings.image_pixels_max)
        if is_remote(image.uri):
            self.kept.keep(image.index, data)
        return Readable(image, header.width_px, header.height_px, header.format)

    def _model(self) -> SavedModel:
        """The model, loaded. One that cannot fit here is not tried: loading it would be the end of the process."""
        options, memory = self.claim.options, self.slot.memory
        try:
            held = self.slot.models.held(options.digest)
            if held is not None:
                return held
            memory.box.enter("load", [])
            self._make_room(self.slot.models.spec(options.model, options.digest))
            model = self.slot.models.get(options.model, options.digest)
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
            sizes = [readable.megapixels for readable in batch]
            with memory.reserve(model.spec, digest, sizes, len(batch)) as admission:
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

    def _fits_now(self, model: SavedModel, first: Readable) -> bool:
        self._may_go_on()
        memory = self.slot.memory
        with memory.reserve(model.spec, self.claim.options.digest, [first.megapixels], 1) as admission:
            return admission.batch > 0

    def _batch(self, model: SavedModel, batch: Sequence[Readable]) -> None:
        box = self.slot.memory.box
        box.enter("decode", [readable.image.index for readable in batch])
        decoded, failed = list[Decoded](), list[Indexed]()
        began_s = time.perf_counter()
        with closing(self.slot.decoders.each(batch, self._bytes_again, _decode)) as pixels_of_each:
            for readable, pixels in pixels_of_each:
                try:
                    decoded.append((readable, pixels()))
                except Exception as error:
                    if verdict_of(error) == "memory":
                        raise AttemptFailed(_mishap(error, [each.image.index for each in batch])) from error
                    failed.append(self._failure(readable.image, _failure_of(error)))
        self._record(failed)
        # A header may lie about its size: what goes into one call is what was decoded alike.
        for _, group in groupby(decoded, key=lambda item: item[1].shape):
            alike = list(group)
            box.enter("run", [readable.image.index for readable, _ in alike])
            results = self._detect(model, alike)
            took_s, began_s = time.perf_counter() - began_s, time.perf_counter()
            box.enter("record")
            self._record(results, self.slot.memory.measured(len(alike), took_s))
        box.enter("record", [])

    def _detect(self, model: SavedModel, decoded: Sequence[Decoded]) -> list[Indexed]:
        try:
            outputs = model.detect(np.stack([pixels for _, pixels in decoded]))
            return [
                self._success(_as_decoded(readable, pixels), raw, model, len(decoded))
                for (readable, pixels), raw in zip(decoded, outputs, strict=True)
            ]
        except Exception as error:
            if verdict_of(error) == "memory":
                raise AttemptFailed(_mishap(error, [readable.image.index for readable, _ in decoded])) from error
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

    def _bytes_of(self, image: ImageRef) -> bytes:
        settings = self.slot.settings
        return read_image(
            image.uri, settings.image_roots, settings.image_bytes_max, settings.image_policy, self._read_blob
        )

    def _read_blob(self, digest: str, bytes_max: int) -> bytes | None:
        return patiently(partial(self.slot.blobs.get, digest, bytes_max))

    def _bytes_again(self, readable: Readable) -> bytes:
        """Those that the header was read of, or for a remote image that was not kept, some that claim the same size."""
        image = readable.image
        data = self.kept.get(image.index)
        if data is not None:
            return data
        data = self._bytes_of(image)
        if is_remote(image.uri):
            header = read_header(data, self.slot.settings.image_pixels_max)
            if (header.width_px, header.height_px) != (readable.width_px, readable.height_px):
                raise ImageError("image_unreadable", "its host gave another image when it was asked again")
        return data

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
            attempts=self.claim.attempt,
            degraded={"scale": 1 / image.shrink} if image.shrink > 1 else None,
        )
        return image.index, result

    def _failure(self, image: ImageRef, failure: Failure) -> Indexed:
        model, attempt = self.claim.options.model, self.claim.attempt
        return image.index, failed_result(image, failure, model=model, worker=self.worker, attempt=attempt)

    def _record(self, results: list[Indexed], run: BatchRun | None = None) -> None:
        if not results:
            return
        claim = self.claim
        recorded = patiently(lambda: self.slot.office.ledger.record(claim.job, claim.task, claim.attempt, results, run))
        if recorded != "recorded":
            raise self.lease.lost(recorded)
        self.failed += sum(not result.ok for _, result in results)
        self.succeeded += sum(result.ok for _, result in results)
        self.peak_bytes = max(self.peak_bytes, run.peak_bytes if run is not None else 0)
        self.slot.memory.box.count(claim.options.model, len(results))


def _decode(readable: Readable, data: bytes) -> Pixels:
    return decode_rgb(data, readable.decoded_by)


def _as_decoded(readable: Readable, pixels: Pixels) -> Readable:
    """Its size by what was decoded, where that is not a part of it: a header may lie."""
    if readable.decoded_by > 1:
        return readable
    return replace(readable, width_px=pixels.shape[1], height_px=pixels.shape[0])


def _mishap(error: Exception, batch: Sequence[int] = (), stage: Stage = "run") -> Mishap:
    return Mishap(verdict_of(error), describe_error(error), stage=stage, batch=frozenset(batch))


def _failure_of(error: Exception) -> Failure:
    """Of an image whose bytes or pixels could not be had."""
    if isinstance(error, ImageError):
        return error.failure
    return Failure(code="image_unreadable", message=describe_error(error))
