"""The ledger's verbs of whoever works: a slot claims a task, renews its lease, records results; who ends it closes it.

Each shows the number of its attempt, and is refused when another one holds the task by now.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final, Literal

import redis

from contract import keys
from contract.ledger.base import LedgerBase, to_ms
from contract.ledger.counts import BatchRun, additions, latest
from contract.ledger.records import Attempt, Claim, NewTask, PutBack, TaskRecord
from contract.messages import VERSION, ImageRef, ImageResult, read_options, stored
from contract.settings import Settings
from contract.vitals import Kill

#: `together`: `claim_together` took it before its bell was heard; it runs or is done.
Refusal = Literal["unknown", "newer", "cancelled", "running", "done", "together"]
Standing = Literal["held", "cancelled", "fenced"]
#: `closed`: recorded, and the attempt with it. Said only where that was asked for.
Recorded = Literal["recorded", "closed", "cancelled", "fenced"]
Closed = Literal["done", "queued", "cancelled", "fenced"]

#: KEYS and ARGV of a script.
_Call = tuple[list[str], list[Any]]
#: Where nothing is left, nothing is queued.
_NOTHING_LEFT: Final = PutBack("", 1)


class Attempts(LedgerBase):
    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        super().__init__(client, settings)
        self._lease_ms = to_ms(settings.lease)

    def claim(self, job: str, task: str, worker: str) -> Claim | Refusal:
        """The task with a lease, or the reason why there is nothing to do."""
        answer = self._scripts.claim(
            [keys.job(job), keys.task(task), keys.task_images(task), keys.LEASES],
            [
                task,
                worker,
                self._lease_ms,
                self._lifetime_ms,
                self._shared_lifetime_ms,
                uuid.uuid4().hex,
                keys.bells("%s"),
                VERSION,
            ],
        )
        if answer[0] != "claimed":
            refusal: Refusal = answer[0]
            return refusal
        _, attempt, queue, batch_size, options, others_wait, *pairs = answer
        return Claim(
            job=job,
            task=task,
            attempt=int(attempt),
            queue=queue,
            batch_size=int(batch_size),
            options=read_options(options),
            images=in_order(pairs[1::2]),
            others_wait=bool(int(others_wait)),
        )

    def renew(self, claim: Claim) -> Standing:
        standing: Standing = self._scripts.renew(*self._renewal(claim))
        return standing

    def _renewal(self, claim: Claim) -> _Call:
        return (
            [keys.job(claim.job), keys.task(claim.task), keys.LEASES],
            [claim.task, claim.attempt, self._lease_ms],
        )

    def record(
        self,
        job: str,
        task: str,
        attempt: int,
        results: Sequence[tuple[int, ImageResult]],
        run: BatchRun | None = None,
    ) -> Recorded:
        """Records (index, result) pairs, each image once; nothing for an attempt that no longer holds the task.

        A failure for another reason than the image file is kept as a dead letter too. `run`: what the model call took
        that gave these results, for the counters of the model.
        """
        recorded: Recorded = self._scripts.record(*self._recording(job, task, attempt, results, run))
        return recorded

    def record_last(
        self,
        job: str,
        task: str,
        attempt: Attempt,
        results: Sequence[tuple[int, ImageResult]],
        killed_by: Kill | None = None,
    ) -> Recorded:
        """`record` and `close` in one step, `closed`, if no image is left then. Else `record`: the attempt goes on."""
        recorded: Recorded = self._scripts.record_last(
            *self._recording_last(job, task, attempt, results, None, killed_by)
        )
        return recorded

    def _recording_last(
        self,
        job: str,
        task: str,
        attempt: Attempt,
        results: Sequence[tuple[int, ImageResult]],
        run: BatchRun | None,
        killed_by: Kill | None = None,
    ) -> _Call:
        of_record, record = self._recording(job, task, attempt.attempt, results, run)
        of_close, close = self._closing(job, task, attempt, _NOTHING_LEFT, killed_by)
        return [*of_record, *of_close], [*close, *record]

    def _recording(
        self, job: str, task: str, attempt: int, results: Sequence[tuple[int, ImageResult]], run: BatchRun | None
    ) -> _Call:
        added, replaced = (additions(run), latest(run)) if run is not None else ({}, {})
        payload = [part for pair in (*added.items(), *replaced.items()) for part in pair]
        for index, result in results:
            payload += [index, _kind(result), result.failure.code if result.failure else "", result.model_dump_json()]
        return (
            [
                keys.job(job),
                keys.job_results(job),
                keys.job_order(job),
                keys.task(task),
                keys.task_images(task),
                keys.job_dead(job),
                keys.counts(results[0][1].model if results else ""),
            ],
            [
                *(attempt, self._lifetime_ms, task, self._shared_lifetime_ms, len(added), len(replaced)),
                *(job, keys.WEBHOOKS),
                *payload,
            ],
        )

    def close(self, job: str, task: str, attempt: Attempt, back: PutBack, killed_by: Kill | None = None) -> Closed:
        """Ends an attempt. Whatever has no result is queued again as `back` says. `killed_by`: who ended its slot.

        Ring the bell of `task` when the answer is 'queued', and that of `back.moved` unless it is 'cancelled' or
        'fenced'.
        """
        closed: Closed = self._scripts.close(*self._closing(job, task, attempt, back, killed_by))
        return closed

    def _closing(self, job: str, task: str, attempt: Attempt, back: PutBack, killed_by: Kill | None) -> _Call:
        moved = back.moved or NewTask("", "", 1, ())
        payload = [part for image in (*back.changed, *moved.images) for part in (image.index, stored(image))]
        return (
            [
                keys.job(job),
                keys.task(task),
                keys.task_images(task),
                keys.task_history(task),
                keys.LEASES,
                keys.bells(back.queue),
                keys.QUEUES,
                keys.job_tasks(job),
                keys.task(moved.task),
                keys.task_images(moved.task),
                keys.task_history(moved.task),
                keys.bells(moved.queue),
            ],
            [
                task,
                attempt.attempt,
                attempt.model_dump_json(exclude={"seconds"}),
                self._lifetime_ms,
                self._shared_lifetime_ms,
                back.queue,
                back.batch_size,
                len(back.changed),
                moved.task,
                moved.queue,
                moved.batch_size,
                job,
                keys.counts("%s"),
                _counts_as(attempt),
                killed_by or "",
                *payload,
            ],
        )

    def task(self, task: str) -> TaskRecord | None:
        """None when the task's lifetime is over. MessageVersionError when it belongs to a newer Vedette."""
        fields: dict[str, str] = self._redis.hgetall(keys.task(task))
        options = self._redis.hget(keys.job(fields["job"]), "options") if fields else None
        if options is None:
            return None
        return TaskRecord(
            job=fields["job"],
            task=task,
            state=fields["state"],  # type: ignore[arg-type]  # written by our own Lua
            queue=fields["queue"],
            batch_size=int(fields["batch_size"]),
            attempt=int(fields["attempt"]),
            worker=fields.get("worker"),
            options=read_options(options),
        )

    def images_left(self, task: str) -> list[ImageRef]:
        """Images of a task that have no result yet."""
        return [*in_order(self._redis.hvals(keys.task_images(task)))]


def in_order(texts: Sequence[str]) -> tuple[ImageRef, ...]:
    """Images as they lie in Redis, by their index."""
    return tuple(sorted(map(ImageRef.model_validate_json, texts), key=lambda image: image.index))


def _counts_as(attempt: Attempt) -> str:
    return attempt.verdict or ("done" if attempt.outcome == "done" else "handed_back")


def _kind(result: ImageResult) -> Literal["succeeded", "failed", "dead"]:
    if result.ok:
        return "succeeded"
    return "dead" if result.dead else "failed"
