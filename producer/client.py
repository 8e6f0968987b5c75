"""The door for Python: submit images, find jobs again, put dead letters back, see models and fleet.

Submitting is: which model, which queue, how large a task; then for each chunk a task in the ledger and a ring on the
queue's bell; then the seal. The steps stand here, what they decide in `arguments`, `dead` and
`contract.submission`.
"""

import itertools
import logging
import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from contract import tracing
from contract.blobs import Blobs, blob_digests, digest_of
from contract.connection import connect, shown_url
from contract.doorbell import bell_app, ring
from contract.drain import give_order
from contract.errors import JobClosed, RedisUnreachable, SettingsError, VedetteError
from contract.ledger import DeadLetter, JobState, Ledger
from contract.logs import tell
from contract.messages import DetectMessage, ImageRef
from contract.model_spec import ModelSpec
from contract.references import BlobReference
from contract.registry import Advert, Registry
from contract.settings import Settings, load_settings
from contract.submission import Plan, chunked, plan_job, plan_more
from contract.vitals import Vitals
from contract.webhooks import check_webhook
from producer.arguments import (
    Image,
    check_batch_size,
    check_images,
    check_max_failure_rate,
    check_min_score,
    check_model,
    image_refs,
)
from producer.dead import letters_of
from producer.drain import check_can_drain, check_spared, meant
from producer.errors import InvalidArgument, NotReplicated
from producer.job import Job
from producer.outage import PATIENCE, answering, outlast
from producer.sealing import seal, why_closed
from producer.tasks import job_name
from producer.uploads import upload_bytes
from producer.why import Answer, answer, read_facts

Answered = TypeVar("Answered")

logger = logging.getLogger(__name__)


class Client:
    """One per process is enough; threads may share it. Connects when first used.

    `broker_url` is the Redis of the workers, by default the setting VEDETTE_REDIS_URL. `patience` is how long Redis may
    be away in the middle of a job before that is an error.
    """

    def __init__(
        self, broker_url: str | None = None, *, settings: Settings | None = None, patience: timedelta = PATIENCE
    ) -> None:
        given = settings.model_dump() if settings is not None else {}
        if broker_url is not None:
            given["redis_url"] = broker_url
        self._settings = load_settings(**given)
        try:
            self._redis = connect(self._settings)
            self._binary_redis = connect(self._settings, binary=True)
        except ValueError as error:
            raise SettingsError(
                f"{shown_url(self._settings.redis_url)!r} is no address of a Redis ({error}); "
                "expected for example redis://host:6379/0"
            ) from None
        self._ledger = Ledger(self._redis, self._settings)
        self._registry = Registry(self._redis, self._settings)
        self._blobs = Blobs(self._binary_redis, self._settings)
        self._bells = bell_app(self._settings)
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back. Jobs go on; `Client.job` finds them again."""
        self._redis.close()
        self._binary_redis.close()
        self._bells.close()

    def upload(self, image: bytes | str | Path) -> str:
        """Keeps an image in Redis for the workers, and gives its reference: `submit` takes it for a path.

        `image` is the bytes of the file, or the path of a file on this machine. For images that the workers cannot read
        themselves: Redis has room for few (VEDETTE_BLOB_BYTES), each for as long as a day after a job last referred to
        it (VEDETTE_BLOB_LIFETIME). The same bytes have the same reference and are kept once.

        Raises InvalidArgument, BlobsFull, RedisUnreachable, RedisRefused.
        """
        data = upload_bytes(image, self._settings.image_bytes_max)
        reference = BlobReference(digest_of(data))
        with answering(self._settings):
            self._blobs.put(reference.digest, data)
        return reference.uri

    def submit(
        self,
        images: Iterable[Image],
        model: str,
        batch_size: int | None = None,
        min_score: float = 0.5,
        allow_waiting: bool = False,
        allow_degraded: bool = False,
        max_failure_rate: float | None = None,
        on_created: Callable[[Job], None] | None = None,
        webhook: str | None = None,
        exact: bool = False,
    ) -> Job:
        """Queues a job and returns when all of its images are on their way.

        `images` are paths that the workers can read too, addresses (`https://…`, `s3://…`, `gs://…`) that the settings
        allow, references of `upload`, or (name, one of these) pairs; the name comes back in the result. They are not
        opened here: one that is missing comes back as a failure of its own. A generator is read in chunks and never
        held. `model` is `name`, for its latest version, or `name@version`. `batch_size` bounds the images in one
        call of the model, and defaults to the model's own. Detections below `min_score` are not reported.

        `allow_degraded` lets an image that fits into no worker's memory be made coarser; its result says so. The job
        is stopped once more than `max_failure_rate` of its images have failed: 0.2 gives up on a job of 1000 images
        at the 201st failure. `on_created` is called with the job before its images are on their way, so that
        results of a long submission can be read while it lasts.

        `webhook` is an address that is told when the job has ended, by a gateway (docs/http.md, Webhooks); its host
        must be listed (VEDETTE_WEBHOOK_HOSTS). `Job.status().webhook` says whether it was.

        `exact` has every image decoded as it is. Without it, a JPEG that the model's own resizer makes much smaller is
        decoded at a half, a quarter or an eighth of its sides, which is several times faster and finds the same within
        a tolerance (docs/models.md).

        Raises InvalidArgument, WebhookRefused, ModelUnknown, NoCapableWorker (not with `allow_waiting`, which queues
        the job until a worker comes), RedisUnreachable, RedisRefused, and behind Sentinel NotReplicated: when this
        returns, a failover loses nothing of the job. None of them leaves a job behind that runs, unless Redis went away
        for good; then the error names it. JobClosed when somebody cancelled the job while it was being submitted.
        """
        given = check_images(images)
        min_score, wanted_batch, model = check_min_score(min_score), check_batch_size(batch_size), check_model(model)
        max_failure_rate = check_max_failure_rate(max_failure_rate)
        webhook = check_webhook(webhook, self._settings.webhook_policy)
        with answering(self._settings):
            spec = self._registry.model(model)
            adverts = self._registry.adverts()
        plan = plan_job(
            spec,
            adverts,
            self._settings,
            images=len(given) if isinstance(given, Sized) else None,
            min_score=min_score,
            batch_size=wanted_batch,
            allow_waiting=allow_waiting,
            allow_degraded=allow_degraded,
            max_failure_rate=max_failure_rate,
            exact=exact,
        )
        chunks = map(self._prolonged, chunked(image_refs(given, self._settings.image_policy), plan.task_images))
        first = next(chunks, None)
        if first is None:
            raise InvalidArgument("images is empty: expected at least one image")
        with tracing.span("vedette.submit", model=plan.options.model, queue=plan.queue):
            return self._submit(itertools.chain([first], chunks), plan, on_created, webhook)

    def job(self, job_id: str) -> Job:
        """A job that was submitted before, by whomever; JobUnknown when there is none."""
        with answering(self._settings):
            self._ledger.status(job_id)
        return self._job(job_id)

    def retry_dead(self, job_id: str, images: Iterable[str] | None = None, allow_waiting: bool = False) -> int:
        """Puts the dead letters of `images`, named as in the results, or all, back into their job. How many there were.

        They go to the queue that the model needs now, as they were submitted: in whole batches, not coarser. Their
        failures leave the results. A job that had ended is open again; one that had been stopped for its failures goes
        on with all that it had left, and is not stopped a second time.

        Raises InvalidArgument when an image has no dead letter, JobUnknown, JobClosed for a cancelled job, and
        otherwise as `submit`. What was put back before an error stays so; called again, the others are.
        """
        job = self.job(job_id)
        letters = letters_of(job.dead_letters(), images, job_id)
        if not letters:
            return 0
        with answering(self._settings):
            options = self._ledger.options(job_id)
            spec = self._registry.model(options.model)
            adverts = self._registry.adverts()
        plan = plan_more(spec, adverts, self._settings, options, images=len(letters), allow_waiting=allow_waiting)
        stopped = job.status().state == "stopped"
        waiting = self._patiently(partial(self._ledger.tasks, job_id)) if stopped else []
        revived = sum(self._revive(job_id, chunk, plan) for chunk in chunked(letters, plan.task_images))
        for task in waiting:
            self._ring_if_queued(task)
        return revived

    def models(self) -> list[ModelSpec]:
        """The models that workers have, or had lately."""
        with answering(self._settings):
            return self._registry.models()

    def model(self, name: str) -> ModelSpec:
        """The model `name`, in its latest version, or `name@version`; ModelUnknown lists what there is."""
        with answering(self._settings):
            return self._registry.model(check_model(name))

    def jobs_at(self, model: str) -> list[str]:
        """Jobs that have images of `name@version` waiting or running. Looks at every task: not for a loop."""
        with answering(self._settings):
            return self._ledger.jobs_at(model)

    def forget_model(self, model: str) -> None:
        """Takes `name@version` off the list. A worker that still has it in its store puts it back within a minute."""
        with answering(self._settings):
            self._registry.forget_model(model)

    def fleet(self) -> list[Advert]:
        """The workers that live now, with what they can do."""
        with answering(self._settings):
            return self._registry.adverts()

    def vitals(self) -> list[tuple[Advert, Vitals | None]]:
        """The same, each with what it is at; None for one of an older Vedette, which does not say."""
        with answering(self._settings):
            return self._registry.fleet()

    def why(self, name: str, *, discreet: bool = False) -> Answer:
        """Why the job, the task or the model of that name waits, or what became of it; JobUnknown when there is none.

        `discreet`: names no other job. A dozen reads of Redis, whatever the size of job and fleet: for somebody's
        question, not for a loop.
        """
        with answering(self._settings):
            facts = read_facts(self._redis, self._registry, self._settings, name)
        return answer(facts.discreet() if discreet else facts)

    def drain(
        self, workers: Iterable[str], *, stop: bool = False, undo: bool = False, force: bool = False
    ) -> list[Advert]:
        """Orders workers, by name or pattern, to take nothing new and finish what they are at. Their adverts till now.

        They obey at their next upkeep (VEDETTE_UPKEEP), for as long as their process lives: adverts say `draining`,
        and vitals how many slots are at work. With `stop` they end once idle, with `undo` they take work again.

        Raises WorkerUnknown, DrainUnsupported, and WorkerNeeded when nobody else could run some model, unless `force`.
        """
        with answering(self._settings):
            adverts = self._registry.adverts()
            chosen = meant(adverts, workers)
            check_can_drain(chosen)
            if not (undo or force):
                check_spared(chosen, adverts, self._registry.models())
            for advert in chosen:
                give_order(self._redis, advert, drain=not undo, stop=stop)
        return chosen

    def _job(self, job_id: str) -> Job:
        return Job(job_id, self._ledger, self._settings, self._patience)

    def _submit(
        self,
        chunks: Iterator[Sequence[ImageRef]],
        plan: Plan,
        on_created: Callable[[Job], None] | None,
        webhook: str | None,
    ) -> Job:
        with answering(self._settings):
            job_id = self._create(plan, webhook)
        submitted = 0
        try:
            if on_created is not None:
                on_created(self._job(job_id))
            for chunk in chunks:
                self._add(job_id, chunk, plan)
                submitted += len(chunk)
            seal(self._ledger, job_id, submitted, self._settings, self._patience)
        except RedisUnreachable as error:
            raise RedisUnreachable(
                f"{error}\nRedis went away while job {job_id} was being submitted: {submitted} images were, "
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
        of: dict[str, Any] = {
            "job": job_id,
            "model": plan.options.model,
            "queue": plan.queue,
            "images": submitted,
        }
        tracing.note(**of)
        text = "job %s: %d images for %s on %s"
        tell(logger, logging.INFO, "job_submitted", text, job_id, submitted, plan.options.model, plan.queue, **of)
        return self._job(job_id)

    def _prolonged(self, chunk: Sequence[ImageRef]) -> Sequence[ImageRef]:
        """`chunk`, its uploads with their whole lifetime before them; InvalidArgument when one is not there."""
        uploads = blob_digests(chunk)
        absent = self._patiently(partial(self._blobs.renew, [*uploads])) if uploads else []
        if absent:
            image = uploads[absent[0]]
            raise InvalidArgument(
                f"images[{image.index}]: {image.uri} is not among the uploads, or its lifetime is over; upload it again"
            )
        return chunk

    def _create(self, plan: Plan, webhook: str | None) -> str:
        while True:
            job_id = job_name(datetime.now(UTC), secrets.token_hex(4))
            with suppress(JobClosed):  # the name is taken
                self._ledger.create_job(job_id, plan.options, plan.queue, webhook)
                return job_id

    def _add(self, job_id: str, chunk: Sequence[ImageRef], plan: Plan) -> None:
        task = str(uuid.uuid4())
        self._patiently(partial(self._ledger.add_task, job_id, task, plan.queue, plan.options.batch_size, chunk))
        self._ring(plan.bell(job_id, task), plan.queue, len(chunk))

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
