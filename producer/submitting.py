"""What a Client does to the ledger and to the bells, step by step: a job with its tasks, and dead letters put back.

For each chunk of images a task in the ledger and a ring on the queue's bell, some chunks at once; then the seal. A
small job that is all there goes into the ledger in one step. What a job is to be is decided before, in
`contract.submission`.
"""

import logging
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from celery import Celery

from contract import tracing
from contract.blobs import Blobs, blob_digests
from contract.doorbell import ring, ring_all
from contract.errors import JobClosed, RedisUnreachable, VedetteError
from contract.ledger import DeadLetter, JobState, Ledger, NewTask
from contract.logs import tell
from contract.messages import DetectMessage, ImageRef
from contract.settings import Settings
from contract.submission import Plan
from producer.errors import InvalidArgument, NotReplicated
from producer.job import Job
from producer.outage import answering, outlast
from producer.sealing import seal, why_closed
from producer.tasks import job_name

Answered = TypeVar("Answered")

logger = logging.getLogger(__name__)

#: Redis cannot be restarted or fail over, and what was written be lost, within less.
_HIDES_AN_OUTAGE_S: Final = 0.1


@dataclass
class _Submission:
    #: So far.
    images: int = 0


class Submitting:
    """The steps, on the connections of one Client. Redis may be away for `patience` in the middle of a job."""

    def __init__(self, ledger: Ledger, blobs: Blobs, bells: Celery, settings: Settings, patience: timedelta) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._bells = bells
        self._settings = settings
        self._patience = patience

    def prolonged(self, chunk: Sequence[ImageRef]) -> Sequence[ImageRef]:
        """`chunk`, its uploads with their whole lifetime before them; InvalidArgument when one is not there."""
        uploads = blob_digests(chunk)
        absent = self._patiently(partial(self._blobs.renew, [*uploads])) if uploads else []
        if absent:
            image = uploads[absent[0]]
            raise InvalidArgument(
                f"images[{image.index}]: {image.uri} is not among the uploads, or its lifetime is over; upload it again"
            )
        return chunk

    def submit(
        self,
        batches: Iterable[Sequence[Sequence[ImageRef]]],
        plan: Plan,
        on_created: Callable[[Job], None] | None,
        webhook: str | None,
    ) -> Job:
        """Creates a job, adds a task for each chunk of each batch and seals it; whatever goes wrong, it is cancelled.

        Raises what `Client.submit` raises once the job is there.
        """
        with answering(self._settings):
            job_id = self._create(plan, webhook)
        with self._cancelled_on_failure(job_id) as submission:
            if on_created is not None:
                on_created(Job(job_id, self._ledger, self._settings, self._patience))
            for chunks in batches:
                self._add(job_id, chunks, plan)
                submission.images += sum(map(len, chunks))
            seal(self._ledger, job_id, submission.images, self._settings, self._patience)
        return self._submitted(job_id, submission.images, plan)

    def submit_whole(self, chunks: Sequence[Sequence[ImageRef]], plan: Plan, webhook: str | None) -> Job:
        """`submit` for a job whose images are all there and not many: in one step of the ledger's, and a ring for each
        task. Of Redis that was reached a moment ago.
        """
        tasks, images = _tasks_of(chunks, plan), sum(map(len, chunks))
        while True:
            job_id = _new_name()
            with self._cancelled_on_failure(job_id) as submission:
                begun_s = time.monotonic()
                create = partial(self._ledger.submit_job, job_id, plan.options, plan.queue, tasks, webhook)
                try:
                    self._patiently(create)
                except JobClosed:  # the name is taken
                    continue
                submission.images = images
                self._ring_all(job_id, tasks, plan)
                if self._settings.sentinel is not None or time.monotonic() - begun_s > _HIDES_AN_OUTAGE_S:
                    seal(self._ledger, job_id, images, self._settings, self._patience)
            return self._submitted(job_id, images, plan)

    @contextmanager
    def _cancelled_on_failure(self, job_id: str) -> Iterator[_Submission]:
        """Whatever goes wrong in the block, the job is cancelled, and the error tells what became of it."""
        submission = _Submission()
        try:
            yield submission
        except RedisUnreachable as error:
            raise RedisUnreachable(
                f"{error}\nRedis went away while job {job_id} was being submitted: {submission.images} images were, "
                f"and the job {self._fate(job_id)}. Submit it again."
            ) from error
        except NotReplicated as error:
            raise NotReplicated(f"{error}\nThe job {self._fate(job_id)}. Submit it again.") from error
        except JobClosed as error:
            self._cancelled(job_id)
            raise why_closed(error, self._ledger, job_id, self._settings, self._patience) from None
        except BaseException:  # an image that is none, the caller's generator, Ctrl-C: half a job helps nobody
            self._cancelled(job_id)
            raise

    def _submitted(self, job_id: str, images: int, plan: Plan) -> Job:
        of: dict[str, Any] = {"job": job_id, "model": plan.options.model, "queue": plan.queue, "images": images}
        tracing.note(**of)
        text = "job %s: %d images for %s on %s"
        tell(logger, logging.INFO, "job_submitted", text, job_id, images, plan.options.model, plan.queue, **of)
        return Job(job_id, self._ledger, self._settings, self._patience)

    def put_back(self, job_id: str, letters: Sequence[DeadLetter], plan: Plan, *, stopped: bool) -> int:
        """Queues the images of `letters` again, and all that a job that was `stopped` had left. How many letters."""
        waiting = self._patiently(partial(self._ledger.tasks, job_id)) if stopped else []
        revived = sum(self._revive(job_id, chunk, plan) for chunk in plan.cut(letters, len(letters)))
        for task in waiting:
            self._ring_if_queued(task)
        return revived

    def _create(self, plan: Plan, webhook: str | None) -> str:
        while True:
            job_id = _new_name()
            with suppress(JobClosed):  # the name is taken
                self._ledger.create_job(job_id, plan.options, plan.queue, webhook)
                return job_id

    def _add(self, job_id: str, chunks: Sequence[Sequence[ImageRef]], plan: Plan) -> None:
        """A task of each chunk: all in the ledger, then a ring for each. Whoever dies in between leaves tasks that the
        reconciler rings for.
        """
        tasks = _tasks_of(chunks, plan)
        self._patiently(partial(self._ledger.add_tasks, job_id, tasks))
        self._ring_all(job_id, tasks, plan)

    def _ring_all(self, job_id: str, tasks: Sequence[NewTask], plan: Plan) -> None:
        bells = [(plan.bell(job_id, new.task), len(new.images)) for new in tasks]
        self._patiently(partial(ring_all, self._bells, bells, plan.queue))

    def _revive(self, job_id: str, chunk: Sequence[DeadLetter], plan: Plan) -> int:
        task, indexes = str(uuid.uuid4()), [letter.index for letter in chunk]
        uploads = blob_digests(letter.image for letter in chunk)
        if uploads:  # of one that is forgotten, the worker will say so
            self._patiently(partial(self._blobs.renew, [*uploads]))
        batch_size = plan.options.batch_size
        revived = self._patiently(partial(self._ledger.revive, job_id, task, plan.queue, batch_size, indexes))
        if revived:  # else somebody else was faster
            self._ring(plan.bell(job_id, task), plan.queue, revived)
        return revived

    def _ring_if_queued(self, task: str) -> None:
        """For a task that `Ledger.revive` queued besides. The reconciler would ring for it too, but one by one."""
        record = self._patiently(partial(self._ledger.task, task))
        if record is not None and record.state == "queued":
            message = DetectMessage(job=record.job, task=task, model=record.model, batch_size=record.batch_size)
            self._ring(message, record.queue)

    def _ring(self, message: DetectMessage, queue: str, images: int | None = None) -> None:
        self._patiently(partial(ring, self._bells, message, queue, images=images))

    def _patiently(self, call: Callable[[], Answered]) -> Answered:
        return outlast(call, self._settings, self._patience)

    def _fate(self, job_id: str) -> str:
        state = self._cancelled(job_id)
        if state is None:
            return "could not be cancelled and may still run"
        return "was cancelled" if state in ("open", "cancelled") else "had ended by then"

    def _cancelled(self, job_id: str) -> JobState | None:
        """The state that the job had before; None when Redis can't be told."""
        with suppress(VedetteError), answering(self._settings):
            return self._ledger.cancel_job(job_id)
        return None


def _new_name() -> str:
    return job_name(datetime.now(UTC), secrets.token_hex(4))


def _tasks_of(chunks: Iterable[Sequence[ImageRef]], plan: Plan) -> list[NewTask]:
    return [NewTask(str(uuid.uuid4()), plan.queue, plan.options.batch_size, tuple(chunk)) for chunk in chunks]
