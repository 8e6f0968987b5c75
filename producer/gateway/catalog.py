"""`/v1/models`, `/v1/catalog/{name}`, `/v1/fleet`: what there is to submit to.

`/v1/models/{name}` is not ours: TensorFlow Serving answers there with the state of a model's versions.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path

from producer.fleet import FleetView, view_of
from producer.gateway.backend import Asked
from producer.gateway.errors import answers
from producer.gateway.schemas import ModelList, ModelView

router: Final = APIRouter(prefix="/v1", tags=["models and fleet"])


@router.get("/models", responses=answers(503), summary="The models that workers have, or had lately")
def models(asked: Asked) -> ModelList:
    fleet = asked.client.fleet()
    return ModelList(models=[ModelView.of(spec, fleet) for spec in asked.client.models()])


@router.get("/catalog/{model}", responses=answers(404, 503), summary="One model")
def model(
    model: Annotated[str, Path(max_length=128, description="`name`, for its latest version, or `name@version`")],
    asked: Asked,
) -> ModelView:
    return ModelView.of(asked.client.model(model), asked.client.fleet())


@router.get(
    "/fleet", responses=answers(503), summary="Workers that live, queues, models: what waits, and who serves it"
)
def fleet(asked: Asked) -> FleetView:
    return view_of(asked.facts())
