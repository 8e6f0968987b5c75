"""The ledger's verbs about dead letters. `Ledger.record` writes them, together with the failed results."""

import json
from collections.abc import Sequence
from typing import Final

from contract import keys
from contract.errors import JobClosed
from contract.ledger.base import WATCH_MS, LedgerBase, unknown_job
from contract.ledger.records import DeadLetter
from contract.messages import ImageRef, ImageResult

_CHUNK: Final = 1000
#: Attempts that the history of a revived task begins with, of each task that gave images up.
_TAKEN_ALONG: Final = 20


class DeadLetters(LedgerBase):
    def dead(self, job: str) -> list[DeadLetter]:
        """Every dead letter of a job, by index; `Ledger.history` of a letter's task says what was tried."""
        texts: dict[str, str] = self._redis.hgetall(keys.job_dead(job))
        indexes = sorted(texts, key=int)
        letters = []
        for start in range(0, len(indexes), _CHUNK):
            chunk = indexes[start : start + _CHUNK]
            for index, result in zip(chunk, self._redis.hmget(keys.job_results(job), chunk), strict=True):
                if result is not None:
                    letters.append(_letter(int(index), texts[index], result))
        # One without a failure was put back, and done, between the two reads.
        return [letter for letter in letters if not letter.result.ok]

    def dead_indexes(self, job: str) -> list[int]:
        """Indexes of the images that have a dead letter, in no order."""
        return [int(index) for index in self._redis.hkeys(keys.job_dead(job))]

    def revive(self, job: str, task: str, queue: str, batch_size: int, indexes: Sequence[int]) -> int:
        """Takes failures back: their images are queued in the new `task`, as they were submitted. How many there were.

        The new task's history begins with what was tried before.

        Ring the bell of `task` unless that is 0. An ended job is open again. One that was stopped goes on with all that
        it had left: those tasks are queued too, and it is not stopped a second time. JobClosed for a cancelled one.
        """
        revived: int | str | None = self._scripts.revive(
            [
                keys.job(job),
                keys.job_tasks(job),
                keys.job_results(job),
                keys.job_order(job),
                keys.job_dead(job),
                keys.task(task),
                keys.task_images(task),
                keys.QUEUES,
            ],
            [
                task,
                job,
                queue,
                batch_size,
                self._lifetime_ms,
                self._shared_lifetime_ms,
                keys.task("%s"),
                keys.task_images("%s"),
                keys.bells("%s"),
                keys.task_history("%s"),
                _TAKEN_ALONG,
                keys.WEBHOOKS,
                WATCH_MS,
                *indexes,
            ],
        )
        if revived is None:
            raise unknown_job(job)
        if revived == "cancelled":
            raise JobClosed(f"job {job} was cancelled: its images cannot be put back; submit them again")
        return int(revived)

    def drop_dead(self, job: str, indexes: Sequence[int]) -> int:
        """Forgets dead letters and gives how many there were. Their failures stay among the results."""
        return sum(
            int(self._redis.hdel(keys.job_dead(job), *indexes[start : start + _CHUNK]))
            for start in range(0, len(indexes), _CHUNK)
        )


def _letter(index: int, text: str, result: str) -> DeadLetter:
    letter = json.loads(text)
    return DeadLetter(
        index=index,
        task=letter["task"],
        image=ImageRef.model_validate(letter["image"]),
        result=ImageResult.model_validate_json(result),
    )
