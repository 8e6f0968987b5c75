"""How many images of a key's jobs wait for their result, held against its `max_queued_images`.

Two requests at the same moment may both find room, and so exceed it by what one of them brings.
"""

from collections.abc import Iterable

from contract import keys
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Backend
from producer.gateway.errors import TooManyQueued
from producer.job import Job
from producer.outage import answering


def check_room(asked: Backend, caller: ApiKey | None, images: int) -> None:
    """TooManyQueued when `images` more are too many for the caller."""
    if caller is None or caller.max_queued_images is None:
        return
    queued = _queued(asked, keys.gateway_jobs(caller.name))
    if queued + images > caller.max_queued_images:
        raise TooManyQueued(
            f"{caller.name} has {queued} images without a result, and may have {caller.max_queued_images}: "
            f"{images} more are too many",
            retry_after_s=30,
        )


def note_job(asked: Backend, caller: ApiKey | None, job_id: str) -> None:
    if caller is None or caller.max_queued_images is None:
        return
    key = keys.gateway_jobs(caller.name)
    with answering(asked.settings), asked.redis.pipeline(transaction=True) as pipe:
        pipe.sadd(key, job_id)
        pipe.pexpire(key, asked.settings.result_lifetime)
        pipe.execute()


class Share:
    """What one job may bring whose images are counted as they come. It is asked anew only when it is used up."""

    def __init__(self, asked: Backend, caller: ApiKey | None) -> None:
        self._asked = asked
        self._caller = caller
        self._most = None if caller is None else caller.max_queued_images
        #: Images that came, and how many of them may without another look.
        self.taken = 0
        self._may = 0
        self._job: str | None = None

    def begin(self, job: Job) -> None:
        """From now on the ledger counts too."""
        note_job(self._asked, self._caller, job.id)
        self._job = job.id

    def take(self) -> None:
        """For one image; TooManyQueued when it is one too many."""
        if self._most is not None and self.taken >= self._may:
            self._look(self._most)
        self.taken += 1

    def _look(self, most: int) -> None:
        assert self._caller is not None
        queued = _queued(self._asked, keys.gateway_jobs(self._caller.name)) + self.taken - self._in_ledger()
        if queued >= most:
            raise TooManyQueued(
                f"{self._caller.name} has {queued} images without a result, which is all that it may have; "
                f"the job was given up at its image {self.taken + 1}",
                retry_after_s=30,
            )
        self._may = self.taken + most - queued

    def _in_ledger(self) -> int:
        """Of those that came; the others are on their way."""
        if self._job is None:
            return 0
        with answering(self._asked.settings):
            return int(self._asked.redis.hget(keys.job(self._job), "total") or 0)


def _queued(asked: Backend, key: str) -> int:
    with answering(asked.settings):
        jobs: list[str] = [*asked.redis.smembers(key)]
        with asked.redis.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.hmget(keys.job(job), "state", "total", "succeeded", "failed")
            counts = pipe.execute()
        over = [job for job, (state, *_) in zip(jobs, counts, strict=True) if state != "open"]
        if over:
            asked.redis.srem(key, *over)
    return sum(left(counted) for state, *counted in counts if state == "open")


def left(counts: Iterable[str | None]) -> int:
    total, succeeded, failed = (int(count or 0) for count in counts)
    return total - succeeded - failed
