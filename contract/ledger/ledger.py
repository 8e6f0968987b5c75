"""The ledger's verbs. Each is one Lua call or one read; none retries, decides a policy or rings a bell."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from redis.client import Pipeline

from contract import keys
from contract.errors import JobClosed
from contract.ledger.backlog import Backlogs
from contract.ledger.base import WATCH_MS, unknown_job
from contract.ledger.counts import ModelCounts
from contract.ledger.dead import DeadLetters
from contract.ledger.records import (
    Attempt,
    JobState,
    JobStatus,
    NewTask,
    ResultPage,
    Sealed,
    from_ms,
)
from contract.ledger.together import Together
from contract.ledger.waiting import Waiting
from contract.ledger.webhooks import Webhooks
from contract.messages import ImageRef, ImageResult, JobOptions, read_options, stored

#: Less than any client's socket waits for an answer.
_REPLICATION_MS: Final = 1000
#: Redis 6.2 rounds less than a millisecond down to 0, which is for ever.
_SHORTEST_BLOCK_S: Final = 0.01


class Ledger(Backlogs, DeadLetters, Together, Waiting, Webhooks):
    """The producer's side stands here; beside it, what slots, watchers, operators and deliverers ask."""

    def create_job(self, job: str, options: JobOptions, queue: str, webhook: str | None = None) -> None:
        """`webhook` has been judged (`contract.webhooks`); whoever delivers judges it again."""
        created = self._scripts.create_job([keys.job(job)], self._of_new_job(job, options, queue, webhook))
        if not created:
            raise JobClosed(f"job {job} exists already")

    def submit_job(
        self, job: str, options: JobOptions, queue: str, tasks: Sequence[NewTask], webhook: str | None = None
    ) -> None:
        """`create_job`, `add_tasks` and `seal_job` in one step, for a job all of whose images are known: some thousand
        at most, for Redis does nothing else meanwhile. Asked again with the same tasks, it is the same job.

        The tasks are for `queue`, in the batch size of `options`. Ring their bells afterwards.
        """
        payload = [self._of_new_job(job, options, queue, webhook), [options.batch_size]]
        for new in tasks:
            payload.append([new.task, len(new.images)])
            payload.append([part for image in new.images for part in (image.index, stored(image))])
        total = self._scripts.submit_job(
            [
                *(keys.job(job), keys.job_tasks(job), keys.bells(queue), keys.QUEUES),
                *(key for new in tasks for key in (keys.task(new.task), keys.task_images(new.task))),
            ],
            [part for parts in payload for part in parts],
        )
        if total < 0:
            raise JobClosed(f"job {job} exists already")

    def _of_new_job(self, job: str, options: JobOptions, queue: str, webhook: str | None) -> list[Any]:
        rate = "" if options.max_failure_rate is None else options.max_failure_rate
        return [
            *(options.model_dump_json(), queue, self._lifetime_ms, rate, options.v),
            *(webhook or "", keys.WEBHOOKS, job, WATCH_MS, self._shared_lifetime_ms),
        ]

    def add_task(self, job: str, task: str, queue: str, batch_size: int, images: Sequence[ImageRef]) -> None:
        """Adds a queued task; ring its bell afterwards. JobClosed when the job was cancelled or sealed meanwhile."""
        self.add_tasks(job, [NewTask(task, queue, batch_size, tuple(images))])

    def add_tasks(self, job: str, tasks: Sequence[NewTask]) -> None:
        """Adds several, one after the other, in one round trip. What was added before an error stays; asked again, it
        is there once.
        """
        added = self._at_once([partial(self._add_task, job, task) for task in tasks])
        if not all(added):
            raise JobClosed(f"job {job} takes no more images: it was sealed or cancelled, or its lifetime is over")

    def _add_task(self, job: str, new: NewTask, client: Pipeline | None = None) -> Any:
        payload = [part for image in new.images for part in (image.index, stored(image))]
        return self._scripts.add_task(
            [
                keys.job(job),
                keys.job_tasks(job),
                keys.task(new.task),
                keys.task_images(new.task),
                keys.bells(new.queue),
                keys.QUEUES,
            ],
            [new.task, job, new.queue, new.batch_size, self._lifetime_ms, self._shared_lifetime_ms, *payload],
            client=client,
        )

    def seal_job(self, job: str, images: int | None = None, replicas: int = 0) -> Sealed:
        """No more tasks will come: the job is done as soon as every image has its result.

        Not sealed when it should have `images` and has others: Redis has lost what it acknowledged. Waits for a second
        at most until `replicas` replicas have this and all that was written before.
        """
        arguments = [
            *(self._lifetime_ms, "" if images is None else images),
            *(job, keys.WEBHOOKS, self._shared_lifetime_ms),
        ]
        confirmed = 0
        if replicas:
            # In one connection: WAIT is about what was written through its own, and before.
            with self._redis.pipeline(transaction=False) as pipe:
                self._scripts.seal_job([keys.job(job)], arguments, client=pipe)
                pipe.execute_command("WAIT", replicas, _REPLICATION_MS)
                total, confirmed = pipe.execute()
        else:
            total = self._scripts.seal_job([keys.job(job)], arguments)
        if total is None:
            raise unknown_job(job)
        return Sealed(images=int(total), replicas=int(confirmed))

    def cancel_job(self, job: str) -> JobState:
        """Cancels an open job and gives the state it had before; an ended job stays as it is."""
        before: JobState | None = self._scripts.cancel_job(
            [keys.job(job), keys.job_tasks(job), keys.LEASES],
            [keys.task("%s"), keys.bells("%s"), job, keys.WEBHOOKS, self._shared_lifetime_ms],
        )
        if before is None:
            raise unknown_job(job)
        return before

    def status(self, job: str) -> JobStatus:
        return self._status(job, self._redis.hgetall(keys.job(job)))

    def _status(self, job: str, fields: dict[str, str]) -> JobStatus:
        if not fields:
            raise unknown_job(job)
        return JobStatus.model_validate(
            {
                **fields,
                "job": job,
                "webhook": self._webhook_status(fields),
                "model": read_options(fields["options"]).model,
                "created": from_ms(fields["created_ms"]),
                "finished": from_ms(fields.get("finished_ms")),
            }
        )

    def options(self, job: str) -> JobOptions:
        text: str | None = self._redis.hget(keys.job(job), "options")
        if text is None:
            raise unknown_job(job)
        return read_options(text)

    def results(self, job: str, cursor: int = 0, count: int = 500) -> list[tuple[int, ImageResult]]:
        """(index, result) of images in the order of completion, from the `cursor`-th place on."""
        return [*self.result_page(job, cursor, count).results]

    def result_page(self, job: str, cursor: int = 0, count: int = 500) -> ResultPage:
        """The results at `count` places from the `cursor`-th on; the last page's cursor is the one that was given."""
        return self._page(job, cursor, self._redis.lrange(keys.job_order(job), cursor, cursor + count - 1))

    def look(self, job: str, cursor: int = 0, count: int = 500) -> tuple[JobStatus, ResultPage]:
        """`status`, and after it `result_page`: one round trip while nothing is new."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(keys.job(job))
            pipe.lrange(keys.job_order(job), cursor, cursor + count - 1)
            fields, indexes = pipe.execute()
        return self._status(job, fields), self._page(job, cursor, indexes)

    def wait_for_first(self, job: str, at_most_s: float) -> bool:
        """Blocks until the job has a result, or for `at_most_s` seconds; not at all when it has. Whether it has."""
        # From the head of the order to its head: nothing moves, but Redis waits until there is a head.
        order = keys.job_order(job)
        return self._redis.blmove(order, order, max(_SHORTEST_BLOCK_S, at_most_s), "LEFT", "LEFT") is not None

    def _page(self, job: str, cursor: int, indexes: list[str]) -> ResultPage:
        texts = self._redis.hmget(keys.job_results(job), indexes) if indexes else []
        results = (
            (int(index), ImageResult.model_validate_json(text))
            for index, text in zip(indexes, texts, strict=True)
            if text is not None
        )
        return ResultPage(tuple(results), cursor + len(indexes))

    def places(self, job: str, start: int, count: int) -> list[int]:
        """Indexes of the images at `count` places of the order of completion, from the `start`-th on."""
        indexes: list[str] = self._redis.lrange(keys.job_order(job), start, start + count - 1)
        return [int(index) for index in indexes if index]

    def tasks(self, job: str) -> list[str]:
        ids: list[str] = self._redis.lrange(keys.job_tasks(job), 0, -1)
        return ids

    def history(self, task: str) -> list[Attempt]:
        """Every closed attempt of a task, oldest first."""
        return [Attempt.model_validate_json(text) for text in self._redis.lrange(keys.task_history(task), 0, -1)]

    # For whoever watches

    def counts(self, models: Sequence[str]) -> dict[str, ModelCounts]:
        """What was counted of each model `name@version`, ever since it was first used."""
        with self._redis.pipeline(transaction=False) as pipe:
            for model in models:
                pipe.hgetall(keys.counts(model))
            return {model: ModelCounts.of(fields) for model, fields in zip(models, pipe.execute(), strict=True)}
