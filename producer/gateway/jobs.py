"""`/v1/jobs`: submit, look, cancel."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import APIRouter, Response

from producer.arguments import Image
from producer.errors import InvalidArgument
from producer.gateway.access import Caller
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Asked, Backend, JobId
from producer.gateway.errors import RequestTooLarge, answers
from producer.gateway.idempotency import IdempotencyKey, once
from producer.gateway.limits import Limits
from producer.gateway.quota import check_room, note_job
from producer.gateway.schemas import CancelView, JobRequest, JobView, NamedImage
from producer.why import Answer

router: Final = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@router.post(
    "", status_code=201, response_model=JobView, responses=answers(401, 404, 409, 413, 429, 503), summary="Submit a job"
)
def submit(request: JobRequest, asked: Asked, caller: Caller, idempotency_key: IdempotencyKey = None) -> Response:
    """Queues a job and answers when all of its images are on their way; `Location` says where to look.

    Images are not opened here: one that is missing becomes a failure among the results.
    """

    def work() -> str:
        return submitted(request, asked, caller).model_dump_json()

    name = "" if caller is None else caller.name
    # What was asked, and not its bytes: spaces and the order of fields mean nothing.
    body = "" if idempotency_key is None else request.model_dump_json()
    answer, replayed = once(asked, idempotency_key, name, body, work)
    headers = {"Location": f"/v1/jobs/{json.loads(answer)['id']}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer, 201, headers, media_type="application/json")


@router.get("/{job_id}", responses=answers(404, 503), summary="Where a job stands")
def status(job_id: JobId, asked: Asked) -> JobView:
    return JobView.of(asked.status(job_id))


@router.get("/{job_id}/why", responses=answers(404, 503), summary="Why it waits, or what became of it, and what to do")
def why(job_id: JobId, asked: Asked) -> Answer:
    """Who fits and is busy, who does not fit and by how much, every attempt. The most important reason comes first.

    Of a task, too. `vedette why --json` tells the same.
    """
    return asked.client.why(job_id)


@router.delete("/{job_id}", responses=answers(404, 503), summary="Cancel a job")
def cancel(job_id: JobId, asked: Asked) -> CancelView:
    """Results that are there stay; images that a worker has begun on are finished and thrown away."""
    return CancelView(id=job_id, before=asked.client.job(job_id).cancel())


def submitted(request: JobRequest, asked: Backend, caller: ApiKey | None) -> JobView:
    images = images_of(request.images, asked.limits)
    check_room(asked, caller, len(images))
    job = asked.client.submit(
        images,
        request.model,
        request.batch_size,
        request.min_score,
        request.allow_waiting,
        request.allow_degraded,
        request.max_failure_rate,
    )
    note_job(asked, caller, job.id)
    asked.counters.submitted(len(images))
    return JobView.of(job.status())


def images_of(given: Sequence[str | NamedImage], limits: Limits) -> list[Image]:
    """What `Client.submit` takes; InvalidArgument names the first image that cannot be one."""
    if len(given) > limits.images:
        raise RequestTooLarge(
            f"images has {len(given)} entries; at most {limits.images} are taken at once. Submit in several jobs."
        )
    return [*_images(given, limits)]


def _images(given: Sequence[str | NamedImage], limits: Limits) -> Iterator[Image]:
    for place, image in enumerate(given):
        name, uri = (image, image) if isinstance(image, str) else (image.name, image.uri)
        for value in (name, uri):
            if len(value) > limits.reference_chars:
                raise InvalidArgument(f"images[{place}]: {len(value)} characters; at most {limits.reference_chars}")
            _check_speakable(place, value)
        # What is relative to the gateway's directory is nothing that its callers know.
        if not uri.startswith("/") and not _ADDRESS.match(uri):
            raise InvalidArgument(
                f"images[{place}]: {uri!r:.200} is neither an absolute path, such as /images/a.jpg, nor an address"
            )
        yield name, uri


def _check_speakable(place: int, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"images[{place}]: {value!r:.200} has half a surrogate pair, which is no text") from None
