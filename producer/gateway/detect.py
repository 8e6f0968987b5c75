"""`/v1/detect`: one image in, its detections out, in one call that ends by its deadline."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from contract.messages import ImageResult
from producer.gateway.access import Caller
from producer.gateway.backend import Asked
from producer.gateway.errors import ImageFailed, answers
from producer.gateway.inference import Wanted, inferred
from producer.gateway.large_bodies import let_go
from producer.gateway.schemas import Input, NamedImage, json_body, schema_of
from producer.gateway.uploads import image_of
from producer.polling import Deadline

router: Final = APIRouter(prefix="/v1", tags=["one image"])

DEADLINE_S: Final = 10.0
DeadlineS = Annotated[float, Query(ge=1, le=300, description="Seconds after which the image is given up")]


class DetectRequest(Input):
    image: str | NamedImage = Field(examples=["/images/plate-01.png"])
    model: str = Field(min_length=1, max_length=128, examples=["defects-small"])
    min_score: float = Field(0.5, ge=0, le=1, description="Detections below it are not reported")
    allow_degraded: bool = Field(False, description="It may be made coarser where it fits into no worker's memory")
    exact: bool = Field(False, description="Nothing is approximated: it is decoded as it is, and computed in float32")


_BODY: Final = json_body(schema_of(DetectRequest), {"image": "/images/plate-01.png", "model": "defects-small"})


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
    let_go(http)
    wanted = Wanted([request.image], request.model, request.min_score, request.allow_degraded, request.exact)
    [result] = await inferred(http, asked, caller, wanted, deadline)
    if result.failure is not None:
        raise ImageFailed(result.failure)
    return Response(result.model_dump_json(), media_type="application/json")
