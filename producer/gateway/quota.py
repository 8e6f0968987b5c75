"""How many images of a key's jobs wait for their result, held against its `max_queued_images`.

Two requests at the same moment may both find room, and so exceed it by what one of them brings.
"""

from collections.abc import Iterable

from contract import keys
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Backend
from producer.gateway.errors import TooManyQueued
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
