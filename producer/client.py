"""The door for Python: submit images, find jobs again, put dead letters back, see models and fleet.

Submitting is: which model, which queue, how large a task; then for each chunk a task in the ledger and a ring on the
queue's bell; then the seal. Those steps stand in `submitting`, what is decided before in `arguments`, `dead` and
`contract.submission`.
"""

import itertools
from collections.abc import Callable, Iterable, Sized
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from contract import tracing
from contract.blobs import Blobs, digest_of
from contract.connection import connect, shown_url
from contract.doorbell import bell_app
from contract.drain import give_order
from contract.errors import SettingsError
from contract.ledger import Ledger
from contract.model_spec import ModelSpec
from contract.references import BlobReference
from contract.registry import Advert, Registry
from contract.settings import Settings, load_settings
from contract.submission import chunked, plan_job, plan_more
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
from producer.errors import InvalidArgument
from producer.job import Job
from producer.known import Known
from producer.outage import PATIENCE, answering
from producer.submitting import Submitting
from producer.uploads import upload_bytes
from producer.why import Answer, answer, read_facts

#: Images whose tasks go to Redis together: enough that round trips don't count, few enough that workers start at once.
_AT_ONCE_IMAGES: Final = 1024


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
        self._known = Known(self._registry)
        self._blobs = Blobs(self._binary_redis, self._settings)
        self._bells = bell_app(self._settings)
        self._patience = patience
        self._steps = Submitting(self._ledger, self._blobs, self._bells, self._settings, patience)

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

        `exact` has nothing approximated. Without it, a JPEG that the model's own resizer makes much smaller is decoded
        at a half, a quarter or an eighth of its sides, and a model may be computed in bfloat16 where that was measured
        to be faster; both find the same within a tolerance (docs/models.md).

        Raises InvalidArgument, WebhookRefused, ModelUnknown, NoCapableWorker (not with `allow_waiting`, which queues
        the job until a worker comes), RedisUnreachable, RedisRefused, and behind Sentinel NotReplicated: when this
        returns, a failover loses nothing of the job. None of them leaves a job behind that runs, unless Redis went away
        for good; then the error names it. JobClosed when somebody cancelled the job while it was being submitted.
        """
        given = check_images(images)
        min_score, wanted_batch, model = check_min_score(min_score), check_batch_size(batch_size), check_model(model)
        max_failure_rate = check_max_failure_rate(max_failure_rate)
        webhook = check_webhook(webhook, self._settings.webhook_policy)
        count = len(given) if isinstance(given, Sized) else None
        planned = partial(
            plan_job,
            settings=self._settings,
            images=count,
            min_score=min_score,
            batch_size=wanted_batch,
            allow_waiting=allow_waiting,
            allow_degraded=allow_degraded,
            max_failure_rate=max_failure_rate,
            exact=exact,
        )
        with answering(self._settings):
            plan = self._known.decide(model, planned)
        refs = image_refs(given, self._settings.image_policy)
        chunks = map(self._steps.prolonged, plan.cut(refs, count))
        first = next(chunks, None)
        if first is None:
            raise InvalidArgument("images is empty: expected at least one image")
        # Of a generator nobody knows how long the next image takes to come: those that are there don't wait for it.
        at_once = max(1, _AT_ONCE_IMAGES // plan.task_images) if count is not None else 1
        whole = count is not None and count <= at_once * plan.task_images and on_created is None
        with tracing.span("vedette.submit", model=plan.options.model, queue=plan.queue):
            if whole:
                return self._steps.submit_whole([first, *chunks], plan, webhook)
            return self._steps.submit(chunked(itertools.chain([first], chunks), at_once), plan, on_created, webhook)

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
        return self._steps.put_back(job_id, letters, plan, stopped=stopped)

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
        self._known.forget()

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
