"""The Open Inference Protocol's paths (v2): clients of KServe, Triton and others work with another base URL."""

from importlib.metadata import version as version_of
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from contract.errors import NoCapableWorker
from producer.errors import InvalidArgument
from producer.gateway import oip, threads
from producer.gateway.access import Caller
from producer.gateway.backend import Asked
from producer.gateway.detect import DeadlineS
from producer.gateway.errors import their_answers
from producer.gateway.health import ask_redis
from producer.gateway.schemas import json_body
from producer.gateway.tf_routes import (
    DEADLINE_S,
    ModelName,
    Version,
    inferred_of,
    reference,
    versions_of,
)
from producer.polling import Deadline

router: Final = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

_HEADER_LENGTH: Final = "Inference-Header-Content-Length"
_BODY: Final = json_body(
    {"type": "object", "properties": {"inputs": {"type": "array", "minItems": 1}}, "required": ["inputs"]},
    {"inputs": [{"name": oip.INPUT, "datatype": "BYTES", "shape": [1], "data": ["/9j/4AAQSkZJRg=="]}]},
)


@router.get("", summary="This server")
def server() -> dict[str, Any]:
    return {"name": "vedette", "version": version_of("vedette"), "extensions": ["binary_tensor_data"]}


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


@router.post("/models/{model}/infer", responses=their_answers(), openapi_extra=_BODY, summary="Detections of images")
@router.post(
    "/models/{model}/versions/{version}/infer",
    responses=their_answers(),
    openapi_extra=_BODY,
    summary="Detections by one version",
)
async def infer(
    http: Request,
    model: ModelName,
    asked: Asked,
    caller: Caller,
    version: Version | None = None,
    deadline_s: DeadlineS = DEADLINE_S,
) -> Response:
    """One input of datatype BYTES, encoded images: base64, or raw bytes after the JSON. Outputs are as JSON."""
    images, request = oip.images_of(await http.body(), _header_bytes(http))
    spec = await threads.call(lambda: asked.client.model(reference(model, version)))
    results = await inferred_of(http, asked, caller, images, spec.ref, Deadline(deadline_s))
    return JSONResponse(oip.answer(spec, results, request))


def _header_bytes(http: Request) -> int | None:
    told = http.headers.get(_HEADER_LENGTH)
    if told is None:
        return None
    if not told.isdecimal():
        raise InvalidArgument(f"{_HEADER_LENGTH}: {told!r:.40}; expected a number of bytes")
    return int(told)
