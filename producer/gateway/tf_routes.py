"""TensorFlow Serving's paths: a client of it works with another base URL. Where they and ours collide, theirs win.

Errors are `{"error": "…"}` there (`errors.answer_to`), as its clients read them, and have our `code` beside that.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import JSONResponse, Response

from contract.errors import ModelUnknown
from producer.gateway import tf_serving
from producer.gateway.backend import Asked
from producer.gateway.errors import parsed_json, their_answers
from producer.gateway.their_bodies import PREDICT, PREDICTED
from producer.gateway.their_paths import Asking, ModelName, Version, versions_of

router: Final = APIRouter(prefix="/v1/models", tags=["TensorFlow Serving"])

Label = Annotated[str, Path(max_length=64)]


@router.get("/{model}", responses=their_answers(), summary="State of a model's versions")
@router.get("/{model}/versions/{version}", responses=their_answers(), summary="State of one version")
def state(model: ModelName, asked: Asked, version: Version | None = None) -> dict[str, Any]:
    return tf_serving.model_status(versions_of(asked, model, version))


@router.get("/{model}/metadata", responses=their_answers(), summary="A model's signature")
@router.get("/{model}/versions/{version}/metadata", responses=their_answers(), summary="The same of one version")
def metadata(model: ModelName, asked: Asked, version: Version | None = None) -> dict[str, Any]:
    (latest, _), *_ = versions_of(asked, model, version)
    return tf_serving.metadata(model, latest)


@router.post(
    "/{model}:predict", responses=their_answers() | PREDICTED, openapi_extra=PREDICT, summary="Detections of images"
)
@router.post(
    "/{model}/versions/{version}:predict",
    responses=their_answers() | PREDICTED,
    openapi_extra=PREDICT,
    summary="Detections by one version",
)
async def predict(asking: Asking) -> Response:
    """`instances` or `inputs`: encoded images as `{"b64": …}`, or pixels as [height][width][3]. All that the model
    detects comes back.
    """
    images, columnar = await asking.read(lambda body: tf_serving.instances_of(parsed_json(body)))
    results = await asking.results(images, asking.reference)
    return JSONResponse(tf_serving.answer(results, columnar=columnar))


@router.get("/{model}/labels/{label}", include_in_schema=False)
@router.get("/{model}/labels/{label}/metadata", include_in_schema=False)
@router.post("/{model}/labels/{label}:predict", include_in_schema=False)
def labelled(model: ModelName, label: Label, asked: Asked) -> None:
    versions = ", ".join(version for version, _ in versions_of(asked, model))
    raise ModelUnknown(
        f"no version of {model!r} is labelled {label!r}, for versions have no labels here; leave it out for the latest "
        f"one, or name it: /v1/models/{model}/versions/… ({versions})"
    )
