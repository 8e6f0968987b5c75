"""`/v1/detect`: one image in, its detections out, in one call that ends by its deadline."""

from functools import partial
from typing import Annotated, Any, Final

import anyio
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from contract.errors import JobClosed, VedetteError
from contract.messages import ImageResult
from producer.gateway import threads
from producer.gateway.access import Caller
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Asked, Backend
from producer.gateway.errors import DeadlinePassed, QueueTooLong, answers
from producer.gateway.jobs import images_of
from producer.gateway.quota import check_room, note_job
from producer.gateway.schemas import Input, NamedImage
from producer.gateway.uploads import failure_status, image_of
from producer.gateway.waiting_time import expected_wait_s, seconds_per_image
from producer.polling import Deadline, Pace
from producer.tasks import slots_serving

router: Final = APIRouter(prefix="/v1", tags=["one image"])

DEADLINE_S: Final = 10.0
DeadlineS = Annotated[float, Query(ge=1, le=300, description="Seconds after which the image is given up")]


class DetectRequest(Input):
    image: str | NamedImage = Field(examples=["/images/plate-01.png"])
    model: str = Field(min_length=1, max_length=128, examples=["defects-small"])
    min_score: float = Field(0.5, ge=0, le=1, description="Detections below it are not reported")
    allow_degraded: bool = Field(False, description="It may be made coarser where it fits into no worker's memory")


_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": DetectRequest.model_json_schema(),
                "example": {"image": "/images/plate-01.png", "model": "defects-small"},
            }
        },
    }
}


@router.post(
    "/detect",
    response_model=ImageResult,
    responses=answers(401, 404, 413, 429, 501, 502, 503, 504),
    openapi_extra=_BODY,
    summary="One image in, detections out",
)
async def detect(
    http: Request,
    asked: Asked,
    caller: Caller,
    deadline_s: DeadlineS = DEADLINE_S,
) -> Response:
    """The image by its reference, as JSON; or the image itself, as the body (`Content-Type: image/…`) with `model` and
    `min_score` in the query, or as the part `image` of a form that has those two as well.

    429 says when to come back, if more is queued than can be done before the deadline; 504, that the deadline passed,
    and the image was given up; 503, what is missing, when no live worker can run the model. An image that fails is an
    error with the code of its failure: 422 when the file is to blame, else 502.
    """
    deadline = Deadline(deadline_s)
    request = await image_of(http, asked, DetectRequest)
    result = await detected(http, asked, caller, request, deadline)
    if result.failure is not None:
        failed = {"code": result.failure.code, "message": result.failure.message}
        return JSONResponse(failed, failure_status(result.failure))
    return Response(result.model_dump_json(), media_type="application/json")


async def detected(
    http: Request, asked: Backend, caller: ApiKey | None, request: DetectRequest, deadline: Deadline
) -> ImageResult:
    """The result of one image, also a failed one. Whatever else happens, its job does not go on."""
    job_id = await threads.call(partial(_submit, asked, caller, request, deadline))
    result: ImageResult | None = None
    try:
        result = await _outcome(http, asked, job_id, deadline)
    finally:
        if result is None:
            with anyio.CancelScope(shield=True):
                await threads.call(partial(_give_up, asked, job_id))
    return result


def _submit(asked: Backend, caller: ApiKey | None, request: DetectRequest, deadline: Deadline) -> str:
    images = images_of([request.image], asked.limits)
    check_room(asked, caller, 1)
    spec, fleet = asked.client.model(request.model), asked.client.fleet()
    slots, image_s = slots_serving(spec.needs, fleet), seconds_per_image(spec)
    if slots and image_s is not None:
        wait_s = expected_wait_s(asked.depth(spec), slots, image_s)
        if wait_s > deadline.left_s:
            raise QueueTooLong(
                f"what is queued before it takes {slots} slots about {wait_s:.0f} s, the deadline is in "
                f"{deadline.left_s:.0f} s",
                retry_after_s=wait_s - deadline.left_s,
            )
    job = asked.client.submit(images, spec.ref, 1, request.min_score, allow_degraded=request.allow_degraded)
    note_job(asked, caller, job.id)
    return job.id


async def _outcome(http: Request, asked: Backend, job_id: str, deadline: Deadline) -> ImageResult:
    pace = Pace()
    while True:
        status = await threads.call(partial(asked.status, job_id))
        if status.done:
            page = await threads.call(partial(asked.page, job_id, 0, 1))
            if page.results:
                return page.results[0][1]
        if status.ended:
            raise JobClosed(f"job {job_id} was cancelled")
        if deadline.over or await http.is_disconnected():
            raise DeadlinePassed(f"no result in {deadline.timeout_s:g} s; job {job_id} was given up")
        await anyio.sleep(min(pace.pause_s(), deadline.left_s))


def _give_up(asked: Backend, job_id: str) -> None:
    try:
        asked.client.job(job_id).cancel()
    except VedetteError:
        return  # Redis is away: the caller is told that, and a job of one image costs little
