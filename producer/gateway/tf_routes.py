"""TensorFlow Serving's paths: a client of it works with another base URL. Where they and ours collide, theirs win.

Errors are `{"error": "…"}` there (`errors.answer_to`), as its clients read them, and have our `code` beside that.
"""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from contract.errors import ModelUnknown
from contract.messages import ImageResult
from contract.registry import serves
from producer.gateway import tf_serving, threads
from producer.gateway.access import Caller
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Asked, Backend
from producer.gateway.detect import DeadlineS
from producer.gateway.errors import ImageFailed, parsed_json, their_answers
from producer.gateway.inference import Wanted, inferred
from producer.gateway.large_bodies import let_go
from producer.gateway.schemas import NamedImage, json_body
from producer.polling import Deadline

router: Final = APIRouter(prefix="/v1/models", tags=["TensorFlow Serving"])

#: Clients of other servers name no deadline.
DEADLINE_S: Final = 60.0
ModelName = Annotated[str, Path(max_length=64)]
Version = Annotated[str, Path(max_length=32)]

_BODY: Final = json_body(
    {"type": "object", "properties": {"instances": {"type": "array", "minItems": 1}}, "required": ["instances"]},
    {"instances": [{"b64": "/9j/4AAQSkZJRg=="}]},
)


@router.get("/{model}", responses=their_answers(), summary="State of a model's versions")
@router.get("/{model}/versions/{version}", responses=their_answers(), summary="State of one version")
def state(model: ModelName, asked: Asked, version: Version | None = None) -> dict[str, Any]:
    return tf_serving.model_status(versions_of(asked, model, version))


@router.post("/{model}:predict", responses=their_answers(), openapi_extra=_BODY, summary="Detections of images")
@router.post(
    "/{model}/versions/{version}:predict",
    responses=their_answers(),
    openapi_extra=_BODY,
    summary="Detections by one version",
)
async def predict(
    http: Request,
    model: ModelName,
    asked: Asked,
    caller: Caller,
    version: Version | None = None,
    deadline_s: DeadlineS = DEADLINE_S,
) -> Response:
    """`instances` or `inputs` of `{"b64": …}`, encoded images; all that the model detects comes back."""
    images, columnar = tf_serving.instances_of(parsed_json(await http.body()))
    results = await inferred_of(http, asked, caller, images, reference(model, version), Deadline(deadline_s))
    return JSONResponse(tf_serving.answer(results, columnar=columnar))


def reference(model: str, version: str | None) -> str:
    return model if version is None else f"{model}@{version}"


def versions_of(asked: Backend, model: str, version: str | None = None) -> list[tuple[str, bool]]:
    """(version, whether a live worker can run it), the latest first; ModelUnknown when there is none."""
    specs = [spec for spec in asked.client.models() if spec.name == model and version in (None, spec.version)]
    if not specs:
        raise ModelUnknown(f"unknown model {reference(model, version)!r}")
    fleet = asked.client.fleet()
    return [(spec.version, any(serves(advert, spec.needs) for advert in fleet)) for spec in reversed(specs)]


async def inferred_of(
    http: Request, asked: Backend, caller: ApiKey | None, images: list[bytes], model: str, deadline: Deadline
) -> list[ImageResult]:
    """Of images that were sent; the first failed one is an error. Everything that the model says: callers choose."""
    asked.check_uploads()
    named = [
        NamedImage(name=str(place), uri=await threads.call(partial(asked.store_upload, image)))
        for place, image in enumerate(images)
    ]
    images.clear()
    let_go(http)
    results = await inferred(http, asked, caller, Wanted(named, model, min_score=0.0), deadline)
    for place, result in enumerate(results):
        if result.failure is not None:
            raise ImageFailed(result.failure, f"image {place}: ")
    return results
