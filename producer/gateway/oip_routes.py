"""The Open Inference Protocol's paths (v2): clients of KServe, Triton and others work with another base URL."""

from functools import partial
from importlib.metadata import version as version_of
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from contract.errors import NoCapableWorker
from contract.registry import serves
from producer.errors import InvalidArgument
from producer.gateway import oip, threads
from producer.gateway.backend import Asked
from producer.gateway.errors import their_answers
from producer.gateway.health import ask_redis
from producer.gateway.oip_request import inference_of
from producer.gateway.their_bodies import INFER, INFERRED
from producer.gateway.their_paths import Asking, ModelName, Version, reference, versions_of

router: Final = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

_HEADER_LENGTH: Final = "Inference-Header-Content-Length"
_DIGITS_MAX: Final = 15
_EXTENSIONS: Final = ["binary_tensor_data", "model_configuration"]


@router.get("", summary="This server")
def server() -> dict[str, Any]:
    return {
        "name": "vedette",
        "version": version_of("vedette"),
        "extensions": ["binary_tensor_data", "model_configuration"],
    }


@router.get("/health/live", summary="Whether this process answers")
def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", responses=their_answers(), summary="Whether Redis answers")
def ready(asked: Asked) -> dict[str, bool]:
    ask_redis(asked)
    return {"ready": True}


@router.get("/models/{model}", responses=their_answers(), summary="A model's versions, inputs and outputs")
@router.get("/models/{model}/versions/{version}", responses=their_answers(), summary="The same of one version")
def metadata(model: ModelName, asked: Asked, version: Version | None = None) -> dict[str, Any]:
    versions = [known for known, _ in versions_of(asked, model, version)]
    return oip.metadata(asked.client.model(reference(model, version)), versions)


@router.get("/models/{model}/ready", responses=their_answers(), summary="Whether a live worker can run it")
@router.get("/models/{model}/versions/{version}/ready", responses=their_answers(), summary="The same of one version")
def model_ready(model: ModelName, asked: Asked, version: Version | None = None) -> dict[str, Any]:
    latest, served = versions_of(asked, model, version)[0]
    if not served:
        raise NoCapableWorker(f"no live worker can run {reference(model, latest)}")
    return {"name": model, "ready": True}


@router.get("/models/{model}/config", responses=their_answers(), summary="The same in Triton's words")
@router.get("/models/{model}/versions/{version}/config", responses=their_answers(), summary="The same of one version")
def config(model: ModelName, asked: Asked, version: Version | None = None) -> dict[str, Any]:
    return oip.config(asked.client.model(reference(model, version)))


@router.post(
    "/repository/index", responses=their_answers(), summary="All models, and whether a live worker can run them"
)
def index(asked: Asked) -> list[dict[str, str]]:
    fleet = asked.client.fleet()
    return [
        {
            "name": spec.name,
            "version": spec.version,
            "state": "READY" if any(serves(advert, spec.needs) for advert in fleet) else "UNAVAILABLE",
            "reason": "",
        }
        for spec in asked.client.models()
    ]


@router.post(
    "/models/{model}/infer", responses=their_answers() | INFERRED, openapi_extra=INFER, summary="Detections of images"
)
@router.post(
    "/models/{model}/versions/{version}/infer",
    responses=their_answers() | INFERRED,
    openapi_extra=INFER,
    summary="Detections by one version",
)
async def infer(asking: Asking) -> Response:
    """One input: BYTES, encoded images, or UINT8, pixels; in the JSON, or raw after it. Outputs likewise."""
    header_bytes = _header_bytes(asking.http)
    request = await asking.read(partial(inference_of, header_bytes=header_bytes))
    spec = await threads.call(lambda: asking.asked.client.model(asking.reference))
    results = await asking.results(request.images, spec.ref)
    body, json_bytes = oip.answer(spec, results, request)
    if json_bytes is None:
        return Response(body, media_type="application/json")
    return Response(body, headers={_HEADER_LENGTH: str(json_bytes)}, media_type="application/octet-stream")


def _header_bytes(http: Request) -> int | None:
    told = http.headers.get(_HEADER_LENGTH)
    if told is None:
        return None
    if not told.isdecimal() or len(told) > _DIGITS_MAX:
        raise InvalidArgument(f"{_HEADER_LENGTH}: {told!r:.40}; expected a number of bytes")
    return int(told)
