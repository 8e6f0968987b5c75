"""One attempt: the images of a claim through decode, model and ledger, in batches of one size.

Covers the happy path and what concerns single images. Does not decide what follows a failure (`workers.outcome`)
and does not act on it (`workers.closing`). Imports OpenCV: slots only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from celery.utils.log import get_logger

from contract.errors import ModelBroken
from contract.ledger import Claim
from contract.ledger.records import Verdict
from contract.messages import Failure, FailureCode, ImageRef, ImageResult
from workers.batches import same_size_batches
from workers.closing import failed_result
from workers.engine.boxes import to_detections
from workers.images.decode import decode_rgb
from workers.images.errors import ImageError
from workers.images.fetch import read_image
from workers.images.header import read_header
from workers.lease import LeaseKeeper
from workers.patience import patiently
from workers.slot import Slot
from workers.verdict import describe_error, verdict_of

if TYPE_CHECKING:
    from workers.engine.saved_model import RawDetections, SavedModel

logger = get_logger(__name__)

Pixels = npt.NDArray[np.uint8]
Indexed = tuple[int, ImageResult]


class AttemptFailed(Exception):  # never leaves the task
    """The attempt cannot go on; what it recorded so far stands."""

    def __init__(self, verdict: Verdict, detail: str, batch_size: int) -> None:
        super().__init__(detail)
        self.verdict = verdict
        self.detail = detail
        self.batch_size = batch_size


@dataclass
class AttemptRun:
    slot: Slot
    claim: Claim
    lease: LeaseKeeper
    #: Celery's node name, for the results.
    worker: str
    succeeded: int = 0
    failed: int = 0

    def run(self) -> None:
        """Works through every image of the claim. Raises AttemptFailed or LeaseLost; records as it goes."""
        readable = self._headers()
        model = self._model() if readable else None
        for batch in same_size_batches(readable, self.claim.batch_size):
            self.lease.check()
            assert model is not None
            self._batch(model, batch)

    def _headers(self) -> list[tuple[tuple[int, int], ImageRef]]:
        """((width, height), image) of every image whose header is fine; the others get their failure now."""
        readable, failed = [], []
        for image in self.claim.images:
            self.lease.check()
            try:
                header = read_header(self._bytes_of(image), self.slot.settings.image_pixels_max)
            except Exception as error:
                failed.append(self._failure(image, _failure_of(error)))
            else:
                readable.append(((header.width_px, header.height_px), image))
        self._record(failed)
        return readable

    def _model(self) -> SavedModel:
        options = self.claim.options
        try:
            return self.slot.models.get(options.model, options.digest)
        except ModelBroken as error:
            raise AttemptFailed("model", str(error), self.claim.batch_size) from error
        except Exception as error:
            raise AttemptFailed(verdict_of(error), describe_error(error), self.claim.batch_size) from error

    def _batch(self, model: SavedModel, batch: Sequence[ImageRef]) -> None:
        decoded: list[tuple[ImageRef, Pixels]] = []
        failed: list[Indexed] = []
        for image in batch:
            try:
                decoded.append((image, decode_rgb(self._bytes_of(image))))
            except Exception as error:
                self._give_back_for_memory(error, len(batch))
                failed.append(self._failure(image, _failure_of(error)))
        self._record(failed)
        # A header may lie about its size: what goes into one call is what was decoded alike.
        for _, alike in groupby(decoded, key=lambda item: item[1].shape):
            self._record(self._detect(model, list(alike)))

    def _detect(self, model: SavedModel, decoded: Sequence[tuple[ImageRef, Pixels]]) -> list[Indexed]:
        try:
            outputs = model.detect(np.stack([pixels for _, pixels in decoded]))
            return [
                self._success(image, pixels, raw, model, len(decoded))
                for (image, pixels), raw in zip(decoded, outputs, strict=True)
            ]
        except Exception as error:
            self._give_back_for_memory(error, len(decoded))
            if len(decoded) > 1:  # only the offender fails: each image alone
                return [result for item in decoded for result in self._detect(model, [item])]
            code: FailureCode = "memory" if verdict_of(error) == "memory" else "model_failed"
            return [self._failure(decoded[0][0], Failure(code=code, message=describe_error(error)))]

    def _give_back_for_memory(self, error: Exception, images: int) -> None:
        """Memory, and more than one image was held: the batch can shrink, so the attempt ends here."""
        if images > 1 and verdict_of(error) == "memory":
            raise AttemptFailed("memory", describe_error(error), images) from error

    def _bytes_of(self, image: ImageRef) -> bytes:
        settings = self.slot.settings
        return read_image(image.uri, settings.image_roots, settings.image_bytes_max)

    def _success(self, image: ImageRef, pixels: Pixels, raw: RawDetections, model: SavedModel, batch: int) -> Indexed:
        height_px, width_px = pixels.shape[:2]
        detections = to_detections(
            raw,
            width_px=width_px,
            height_px=height_px,
            labels=model.spec.labels,
            min_score=self.claim.options.min_score,
        )
        result = ImageResult(
            image=image.name,
            width=width_px,
            height=height_px,
            model=model.spec.ref,
            detections=detections,
            worker=self.worker,
            batch_size=batch,
            attempts=self.claim.attempt,
        )
        return image.index, result

    def _failure(self, image: ImageRef, failure: Failure) -> Indexed:
        model, attempt = self.claim.options.model, self.claim.attempt
        return image.index, failed_result(image, failure, model=model, worker=self.worker, attempt=attempt)

    def _record(self, results: list[Indexed]) -> None:
        if not results:
            return
        claim = self.claim
        recorded = patiently(lambda: self.slot.ledger.record(claim.job, claim.task, claim.attempt, results))
        if recorded != "recorded":
            raise self.lease.lost(recorded)
        self.failed += sum(not result.ok for _, result in results)
        self.succeeded += sum(result.ok for _, result in results)


def _failure_of(error: Exception) -> Failure:
    """Of an image whose bytes or pixels could not be had."""
    if isinstance(error, ImageError):
        return error.failure
    code: FailureCode = "memory" if verdict_of(error) == "memory" else "image_unreadable"
    return Failure(code=code, message=describe_error(error))
