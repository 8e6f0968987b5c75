"""Submissions by message as they lie in Redis: the queue of `vedette.submit`, and the answers.

A message stays on its queue until it has been answered, so a worker that dies over it loses nothing: the next one does
all of it again, and none of it twice. That is why no Celery consumer takes them, which would pop first.
"""

import redis
from pydantic import ValidationError
from redis.client import NEVER_DECODE

from contract import keys
from contract.settings import Settings
from contract.submit_message import SUBMIT_TASK, Submission


class Submissions:
    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._lifetime = settings.result_lifetime

    def waiting(self) -> int:
        count: int = self._redis.llen(SUBMIT_TASK)
        return count

    def oldest(self) -> bytes | None:
        """The message that is to be answered next, as it is: it may be no text."""
        element: bytes | None = self._redis.execute_command("LINDEX", SUBMIT_TASK, -1, **{NEVER_DECODE: True})
        return element

    def drop(self, element: bytes) -> None:
        self._redis.lrem(SUBMIT_TASK, -1, element)

    def get(self, job: str) -> Submission | None:
        text: str | None = self._redis.get(keys.submission(job))
        try:
            return Submission.model_validate_json(text) if text is not None else None
        except ValidationError:
            return None  # of a newer Vedette, or somebody's else

    def begin(self, job: str, begun: Submission) -> Submission:
        """Notes the plan, unless a submission of that job has begun already; gives the one that counts."""
        if self._redis.set(keys.submission(job), begun.model_dump_json(), nx=True, px=self._lifetime):
            return begun
        there = self.get(job)
        if there is not None and there.state != "rejected":
            return there
        self.answer(job, begun)
        return begun

    def answer(self, job: str, submission: Submission) -> None:
        self._redis.set(keys.submission(job), submission.model_dump_json(), px=self._lifetime)
