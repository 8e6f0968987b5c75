"""The Open Inference Protocol's paths (v2): clients of KServe, Triton and others work with another base URL."""

from importlib.metadata import version as version_of
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from contract.errors import NoCapableWorker, VedetteError
from producer.errors import InvalidArgument
from producer.gateway import oip, threads
from producer.gateway.access import Caller
from producer.gateway.backend import Asked
from producer.gateway.detect import DeadlineS
from producer.gateway.health import ask_redis
from producer.gateway.tf_routes import (
    DEADLINE_S,
    ModelName,
    Version,
    as_their_error,
    inferred_of,
    reference,
    versions_of,
)
from producer.polling import Deadline

router: Final = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

_HEADER_LENGTH: Final = "Inference-Header-Content-Length"


@router.get("", summary="This server")
def server() -> dict[str, Any]:
    return {"name": "vedette", "version": version_of("vedette"), "extensions": ["binary_tensor_data"]}


@router.get("/health/live", summary="Whether this process answers")
def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", summary="Whether Redis answers")
def ready(asked: Asked) -> Response:
    try:
        ask_redis(asked)
    except VedetteError as error:
        return as_their_error(error)
    return JSONResponse({"ready": True})


@router.get("/models/{model}", summary="A model's versions, inputs and outputs")
@router.get("/models/{model}/versions/{version}", summary="The same of one version")
def metadata(model: ModelName, asked: Asked, version: Version | None = None) -> Response:
    try:
        versions = [known for known, _ in versions_of(asked, model, version)]
        spec = asked.client.model(reference(model, version))
        return JSONResponse(oip.metadata(spec, versions))
    except VedetteError as error:
        return as_their_error(error)


@router.get("/models/{model}/ready", summary="Whether a live worker can run it")
@router.get("/models/{model}/versions/{version}/ready", summary="The same of one version")
def model_ready(model: ModelName, asked: Asked, version: Version | None = None) -> Response:
    try:
        latest, served = versions_of(asked, model, version)[0]
        if not served:
            raise NoCapableWorker(f"no live worker can run {reference(model, latest)}")
    except VedetteError as error:
        return as_their_error(error)
    return JSONResponse({"name": model, "ready": True})


@router.post("/models/{model}/infer", summary="Detections of encoded images")
@router.post("/models/{model}/versions/{version}/infer", summary="Detections by one version")
async def infer(
    http: Request,
    model: ModelName,
    asked: Asked,
    caller: Caller,
    version: Version | None = None,
    deadline_s: DeadlineS = DEADLINE_S,
) -> Response:
    """One input of datatype BYTES, encoded images: base64, or raw bytes after the JSON. Outputs are as JSON."""
    try:
        images, request = oip.images_of(await http.body(), _header_bytes(http))
        spec = await threads.call(lambda: asked.client.model(reference(model, version)))
        results = await inferred_of(http, asked, caller, images, spec.ref, Deadline(deadline_s))
        return JSONResponse(oip.answer(spec, results, request))
    except VedetteError as error:
        return as_their_error(error)


def _header_bytes(http: Request) -> int | None:
    told = http.headers.get(_HEADER_LENGTH)
    if told is None:
        return None
    if not told.isdecimal():
        raise InvalidArgument(f"{_HEADER_LENGTH}: {told!r:.40}; expected a number of bytes")
    return int(told)
