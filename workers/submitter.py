"""Answers `vedette.submit`: what a producer in another language asks for becomes a job, or an error that it can find.

Done in the worker's main process, for a slot may be busy for minutes. Everything here may be done again, by this worker
or another: the message is dropped only when it was answered, the plan is noted before the first image is queued, and
tasks are named after their place in the job.
"""

import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.utils.log import get_logger
from pydantic import TypeAdapter, ValidationError

from contract.blobs import Blobs, blob_digests
from contract.doorbell import ring
from contract.errors import JobClosed, JobUnknown, MessageError, VedetteError
from contract.ledger import Ledger
from contract.logs import tell
from contract.messages import Identifier, ImageRef, read_message
from contract.outage import RedisTrouble
from contract.reference_policy import check_reference
from contract.references import ReferenceRefused, looks_like_address, parse_reference
from contract.registry import Registry
from contract.settings import Settings
from contract.submission import Plan, chunked, plan_job
from contract.submissions import Submissions
from contract.submit_message import SUBMIT_TASK, Submission, SubmitMessage
from contract.webhooks import check_webhook
from workers.celery_call import Call, flaw_of_extras, read_call

logger = get_logger(__name__)

_JOB_ID: TypeAdapter[str] = TypeAdapter(Identifier)


@dataclass(frozen=True)
class Answered:
    """What was answered to a call, for Flower."""

    call: Call
    #: `job 3f9c: 12 images for defects-small@1`.
    result: str = ""
    #: `model_unknown: …`; None when accepted.
    error: str | None = None


class NotYet(Exception):
    """A failover took a part of the job back, or no replica has it yet: the message has to be looked at again."""


class Submitter:
    def __init__(
        self,
        app: Celery,
        ledger: Ledger,
        registry: Registry,
        submissions: Submissions,
        settings: Settings,
        blobs: Blobs,
    ) -> None:
        self._app = app
        self._ledger = ledger
        self._registry = registry
        self._submissions = submissions
        self._settings = settings
        self._blobs = blobs
        self._replicas = settings.sentinel.replicas if settings.sentinel is not None else 0

    def answer(self, element: bytes) -> Answered | None:
        """After this the message may be dropped. None for what is no message of Celery's.

        RedisTrouble and NotYet: it stays, and is looked at again.
        """
        try:
            call = read_call(element)
        except MessageError as error:
            self._count(error, element)
            return None
        try:
            return Answered(call, self._submit(call, _read(call)))
        except MessageError as error:
            self._count(error, element)
            return self._reject(call, error.code, str(error))
        except (*RedisTrouble, NotYet):
            raise
        except VedetteError as error:
            return self._reject(call, error.code, str(error))
        except Exception as error:  # one message must not keep all others waiting for ever
            logger.exception("submission %s failed in an unforeseen way", call.id)
            self._undo(call)
            return self._reject(call, MessageError.code, f"it cannot be submitted ({type(error).__name__}: {error})")

    def _submit(self, call: Call, message: SubmitMessage) -> str:
        there = self._submissions.get(message.job)
        if there is not None and there.state == "accepted":
            logger.info("submission %s of job %s: accepted before, as %s", call.id, message.job, there.id)
            return f"job {message.job}: accepted before"
        begun = there if there is not None and there.options is not None else self._begin(call, message)
        refs, plan = message.refs(), _plan_of(begun)
        self._create(message.job, plan, None if message.webhook is None else message.webhook.url)
        try:
            self._queue(message.job, refs, plan)
        except JobClosed:
            if not self._is_whole(message.job, len(refs)):
                raise
        self._submissions.answer(message.job, begun.model_copy(update={"state": "accepted"}))
        text = f"job {message.job}: {len(refs)} images for {plan.options.model}"
        of = {"job": message.job, "model": plan.options.model, "queue": plan.queue, "images": len(refs)}
        tell(
            logger, logging.INFO, "submission_accepted", "submission %s accepted: %s", call.id, text, call=call.id, **of
        )
        return text

    def _begin(self, call: Call, message: SubmitMessage) -> Submission:
        self._check_references(message)
        self._prolong_uploads(message.refs())
        if message.webhook is not None:
            check_webhook(message.webhook.url, self._settings.webhook_policy)
        images = len(message.images)
        plan = plan_job(
            self._registry.model(message.model.strip()),
            self._registry.adverts(),
            self._settings,
            images=images,
            min_score=message.min_score,
            batch_size=message.batch_size,
            allow_waiting=message.allow_waiting,
            allow_degraded=message.allow_degraded,
            max_failure_rate=message.max_failure_rate,
            exact=message.exact,
        )
        begun = Submission(
            state="begun",
            id=call.id,
            options=plan.options,
            queue=plan.queue,
            images=images,
            task_images=plan.task_images,
        )
        return self._submissions.begin(message.job, begun)

    def _check_references(self, message: SubmitMessage) -> None:
        """Addresses that no worker would open are refused before anything is queued, as the Python client does."""
        for index, image in enumerate(message.images):
            if not looks_like_address(image.uri):
                continue
            try:
                check_reference(parse_reference(image.uri), self._settings.image_policy)
            except ReferenceRefused as refusal:
                raise MessageError(f"SubmitMessage: images.{index}: {refusal}") from None

    def _prolong_uploads(self, refs: Sequence[ImageRef]) -> None:
        """As the Python client does: their whole lifetime is before them, and one that is not there is told now."""
        uploads = blob_digests(refs)
        absent = self._blobs.renew([*uploads]) if uploads else []
        if absent:
            image = uploads[absent[0]]
            raise MessageError(
                f"SubmitMessage: images.{image.index}: {image.uri} is not among the uploads, or its lifetime is over; "
                "upload it again"
            )

    def _create(self, job: str, plan: Plan, webhook: str | None) -> None:
        try:
            self._ledger.create_job(job, plan.options, plan.queue, webhook)
        except JobClosed as error:
            raise JobClosed(f"{error}: give each job an id of its own") from None

    def _queue(self, job: str, refs: Sequence[ImageRef], plan: Plan) -> None:
        for place, chunk in enumerate(chunked(refs, plan.task_images)):
            task = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job}/{place}"))
            self._ledger.add_task(job, task, plan.queue, plan.options.batch_size, chunk)
            ring(self._app, plan.bell(job, task), plan.queue, images=len(chunk))
        try:
            sealed = self._ledger.seal_job(job, len(refs), self._replicas)
        except JobUnknown as error:
            raise NotYet(str(error)) from None
        if sealed.images != len(refs):
            raise NotYet(f"Redis has {sealed.images} of the {len(refs)} images of job {job}")
        if sealed.replicas < self._replicas:
            raise NotYet(f"{sealed.replicas} of {self._replicas} replicas of Redis have job {job}")

    def _is_whole(self, job: str, images: int) -> bool:
        """Whether a job that takes no more images has all of this submission: somebody was faster."""
        try:
            status = self._ledger.status(job)
        except JobUnknown as error:
            raise NotYet(str(error)) from None
        return status.sealed and status.total == images and status.state != "cancelled"

    def _count(self, error: MessageError, element: bytes) -> None:
        count = self._registry.count_reject(error.code)
        text = "submission refused (%s, %d so far): %s; it reads %.200r"
        tell(logger, logging.ERROR, "message_refused", text, error.code, count, error, element, code=error.code)

    def _undo(self, call: Call) -> None:
        """Half a job helps nobody."""
        job = _job_of(call)
        there = self._submissions.get(job) if job is not None else None
        if job is not None and there is not None and there.state == "begun":
            with suppress(JobUnknown):
                self._ledger.cancel_job(job)

    def _reject(self, call: Call, code: str, why: str) -> Answered:
        """Where the caller finds it, if it said where. What was accepted under that id stays as it is."""
        job = _job_of(call)
        why = why.encode(errors="backslashreplace").decode()  # it may quote what nobody can store
        there = self._submissions.get(job) if job is not None else None
        if job is not None and (there is None or there.state != "accepted"):
            self._submissions.answer(job, Submission(state="rejected", id=call.id, code=code, message=why))
            text = "submission %s: job %s rejected (%s): %s"
            of = {"call": call.id, "job": job, "code": code}
            tell(logger, logging.WARNING, "submission_rejected", text, call.id, job, code, why, **of)
        return Answered(call, error=f"{code}: {why}")


def _plan_of(begun: Submission) -> Plan:
    if begun.options is None or begun.queue is None or begun.task_images is None:
        raise ValueError(f"no plan in {begun!r}")
    return Plan(begun.options, begun.queue, begun.task_images)


def _read(call: Call) -> SubmitMessage:
    if call.task != SUBMIT_TASK:
        raise MessageError(f"no task {call.task!r:.80} is done here; this is the queue of {SUBMIT_TASK}")
    if call.args:
        raise MessageError(f"SubmitMessage is malformed: takes keyword arguments only (got {call.args!r:.80})")
    flaw = flaw_of_extras(call.extras, datetime.now(UTC))
    if flaw is not None:
        raise MessageError(flaw)
    return read_message(SubmitMessage, call.kwargs)


def _job_of(call: Call) -> str | None:
    job: Any = call.kwargs.get("job")
    try:
        return _JOB_ID.validate_python(job, strict=True)
    except ValidationError:
        return None
