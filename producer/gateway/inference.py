"""Images that somebody waits for: submitted if they can be done by the deadline, given up if they were not."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
from fastapi import Request

from contract.errors import JobClosed, VedetteError
from contract.messages import ImageResult
from contract.model_spec import ModelSpec
from producer.gateway import threads
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Backend
from producer.gateway.errors import DeadlinePassed, QueueTooLong
from producer.gateway.named_images import images_of
from producer.gateway.pace import Pace
from producer.gateway.quota import check_room, note_job
from producer.gateway.schemas import NamedImage
from producer.gateway.waiting_time import expected_wait_s, seconds_per_image
from producer.polling import Deadline
from producer.tasks import slots_serving

#: How often it is asked whether the caller is still there.
_LOOK_S: Final = 0.5


@dataclass(frozen=True)
class Wanted:
    images: Sequence[str | NamedImage]
    model: str
    min_score: float = 0.5
    allow_degraded: bool = False
    exact: bool = False


async def inferred(
    http: Request, asked: Backend, caller: ApiKey | None, wanted: Wanted, deadline: Deadline
) -> list[ImageResult]:
    """The result of each image, failed ones too, in the order given. Their job goes on in no case."""
    job_id, pace = await threads.call(partial(_submit, asked, caller, wanted, deadline))
    done = 0
    try:
        await _end_of(http, asked, job_id, deadline)
        done = len(wanted.images)
    finally:
        pace.ended(time.monotonic(), len(wanted.images), done)
    page = await threads.call(partial(asked.page, job_id, 0, len(wanted.images)))
    found = dict(page.results)
    if len(found) < len(wanted.images):
        raise JobClosed(f"job {job_id} was cancelled")
    return [found[index] for index in range(len(wanted.images))]


def _submit(asked: Backend, caller: ApiKey | None, wanted: Wanted, deadline: Deadline) -> tuple[str, Pace]:
    images = images_of(wanted.images, asked.limits)
    check_room(asked, caller, len(images))
    if deadline.over:  # many came at once, and this one had to wait for a thread
        raise DeadlinePassed(f"the gateway was busy for {deadline.timeout_s:g} s; nothing was submitted")
    spec, fleet = asked.known(wanted.model)
    slots, pace = slots_serving(spec.needs, fleet), asked.pace(spec)
    if slots:
        _check_wait(asked, spec, pace, slots, len(images), deadline)
    # Before it is: whoever comes next has to know.
    pace.sent(time.monotonic(), len(images), slots)
    try:
        job = asked.brief.submit(
            images,
            spec.ref,
            min_score=wanted.min_score,
            allow_degraded=wanted.allow_degraded,
            exact=wanted.exact,
        )
        note_job(asked, caller, job.id)
    except BaseException:
        pace.ended(time.monotonic(), len(images), done=0)
        raise
    asked.counters.submitted(len(images))
    return job.id, pace


def _check_wait(asked: Backend, spec: ModelSpec, pace: Pace, slots: int, images: int, deadline: Deadline) -> None:
    """QueueTooLong when `images` would not be done by the deadline."""
    image_s, images_per_s = seconds_per_image(spec), pace.images_per_s(time.monotonic())
    wait_s = expected_wait_s(asked.depth(spec).images, pace.on_the_way, slots, image_s, images_per_s, images)
    if wait_s > deadline.left_s:
        raise QueueTooLong(
            f"what is queued takes {slots} slots about {wait_s:.1f} s; the deadline is in {deadline.left_s:.1f} s",
            retry_after_s=wait_s - deadline.left_s,
        )


async def _end_of(http: Request, asked: Backend, job_id: str, deadline: Deadline) -> None:
    """Returns when the job has ended; whatever else happens, it is cancelled."""
    try:
        while not await asked.watcher.ended(job_id, min(_LOOK_S, deadline.left_s)):
            if deadline.over or await http.is_disconnected():
                raise DeadlinePassed(f"no result in {deadline.timeout_s:g} s; job {job_id} was given up")
    except BaseException:
        asked.watcher.forget(job_id)
        with anyio.CancelScope(shield=True):
            await threads.call(partial(_give_up, asked, job_id))
        raise


def _give_up(asked: Backend, job_id: str) -> None:
    try:
        asked.client.job(job_id).cancel()
    except VedetteError:
        return  # Redis is away: the caller is told that, and a job of a few images costs little
