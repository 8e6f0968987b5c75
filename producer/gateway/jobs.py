"""`/v1/jobs`: submit, look, cancel."""

import json
from functools import partial
from typing import Final

from fastapi import APIRouter, Request, Response

from producer.errors import InvalidArgument
from producer.gateway import threads
from producer.gateway.access import Caller
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Asked, Backend, JobId
from producer.gateway.body_kinds import FORM, LINES, is_json, media_type
from producer.gateway.errors import answers
from producer.gateway.idempotency import IdempotencyKey, once
from producer.gateway.job_bodies import BODIES, submit_form, submit_lines
from producer.gateway.named_images import images_of
from producer.gateway.quota import check_room, note_job
from producer.gateway.schemas import CancelView, JobRequest, JobView
from producer.gateway.streamed import read_in_thread
from producer.gateway.uploads import read
from producer.why import Answer

router: Final = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "",
    status_code=201,
    response_model=JobView,
    responses=answers(401, 404, 408, 409, 413, 429, 501, 503),
    openapi_extra=BODIES,
    summary="Submit a job",
)
async def submit(http: Request, asked: Asked, caller: Caller, idempotency_key: IdempotencyKey = None) -> Response:
    """Queues a job and answers when all of its images are on their way; `Location` says where to look.

    Images are not opened here: one that is missing becomes a failure among the results. As `application/x-ndjson`, the
    first line has the options and each of the others an image, as many as you like; workers begin while lines come. If
    one is wrong, the error names it and the job is cancelled. As `multipart/form-data`, `job` has the options, and each
    part `images` a file, which workers read from Redis; the job begins when all are there.
    """
    kind = media_type(http.headers)
    name = "" if caller is None else caller.name
    if kind == LINES:
        answer, replayed = await read_in_thread(
            http, asked, partial(submit_lines, asked, caller, idempotency_key, name)
        )
    elif kind == FORM:
        content_type = http.headers["content-type"]
        work = partial(submit_form, asked, caller, idempotency_key, name, content_type)
        answer, replayed = await read_in_thread(http, asked, work)
    elif is_json(kind):
        answer, replayed = await threads.call(
            partial(_submit_json, await http.body(), asked, caller, idempotency_key, name)
        )
    else:
        raise InvalidArgument(f"Content-Type {kind!r:.100}: expected application/json, {LINES} or {FORM}")
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

    Of a task, too. `vedette why --json` tells the same, and which other jobs the workers are at.
    """
    return asked.client.why(job_id, discreet=True)


@router.delete("/{job_id}", responses=answers(404, 503), summary="Cancel a job")
def cancel(job_id: JobId, asked: Asked) -> CancelView:
    """Results that are there stay; images that a worker has begun on are finished and thrown away."""
    return CancelView(id=job_id, before=asked.client.job(job_id).cancel())


def _submit_json(body: bytes, asked: Backend, caller: ApiKey | None, key: str | None, name: str) -> tuple[str, bool]:
    request = read(JobRequest, body)
    # What was asked, and not its bytes: spaces and the order of fields mean nothing.
    meant = "" if key is None else request.model_dump_json()
    return once(asked, key, name, meant, lambda: submitted(request, asked, caller).model_dump_json())


def submitted(request: JobRequest, asked: Backend, caller: ApiKey | None) -> JobView:
    images = images_of(request.images, asked.limits)
    check_room(asked, caller, len(images))
    job = asked.client.submit(images, **request.options)
    note_job(asked, caller, job.id)
    asked.counters.submitted(len(images))
    return JobView.of(job.status())
