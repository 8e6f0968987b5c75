"""Every error as one JSON shape, {"code", "message"}, and which HTTP status it has.

    VedetteError
    ├── NotFound             not_found             there is nothing at this path
    ├── MethodNotAllowed     method_not_allowed    the path is there, but not for this method
    ├── RequestMalformed     request_malformed     what came is no HTTP request that can be read
    ├── RequestTimeout       request_timeout       a large body came too slowly
    ├── RequestTooLarge      request_too_large     more bytes or images than one request may have
    ├── Unauthorized         unauthorized          no key that is known
    ├── CrossSite            cross_site            a browser asks for a page of another site, and no key is needed
    ├── RateLimited          rate_limited          the key has asked too often
    ├── TooManyQueued        too_many_queued       the key's jobs have too many images without a result
    ├── IdempotencyConflict  idempotency_conflict  the Idempotency-Key was used for another request
    ├── IdempotencyPending   idempotency_pending   the first request with that key is still being answered
    ├── TooManyStreams       too_many_streams      as many streams are open as may be
    ├── QueueTooLong         queue_too_long        more is queued than can be done before the deadline
    ├── DeadlinePassed       deadline_passed       the image had no result by the deadline, and was given up
    ├── UploadsOff           uploads_off           images can be named here, not sent
    └── InternalError        internal              a mistake of ours; the log has the trace under the request's id

Codes of `contract.errors` and `producer.errors` keep their meaning. A code never changes it; messages may be reworded.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from contract.errors import VedetteError
from contract.messages import Failure
from producer.errors import InvalidArgument


class GatewayError(VedetteError):
    """`retry_after_s`: when it may be worth another try; None: it is not said."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotFound(GatewayError):
    code = "not_found"


class MethodNotAllowed(GatewayError):
    code = "method_not_allowed"


class RequestMalformed(GatewayError):
    code = "request_malformed"


class RequestTimeout(GatewayError):
    code = "request_timeout"


class RequestTooLarge(GatewayError):
    code = "request_too_large"


class TooManyStreams(GatewayError):
    code = "too_many_streams"


class Unauthorized(GatewayError):
    code = "unauthorized"


class CrossSite(GatewayError):
    code = "cross_site"


class RateLimited(GatewayError):
    code = "rate_limited"


class TooManyQueued(GatewayError):
    code = "too_many_queued"


class IdempotencyConflict(GatewayError):
    code = "idempotency_conflict"


class IdempotencyPending(GatewayError):
    code = "idempotency_pending"


class QueueTooLong(GatewayError):
    code = "queue_too_long"


class DeadlinePassed(GatewayError):
    code = "deadline_passed"


class UploadsOff(GatewayError):
    code = "uploads_off"


class ImageFailed(GatewayError):
    """Has the code of the failure, and so none of its own."""

    def __init__(self, failure: Failure, prefix: str = "") -> None:
        super().__init__(f"{prefix}{failure.message}")
        self.code = failure.code  # type: ignore[misc]  # a code for each, not for the class


class InternalError(GatewayError):
    code = "internal"


#: Error code → HTTP status. What is not listed is a mistake of ours: 500.
STATUS: Final[Mapping[str, int]] = {
    "request_malformed": 400,
    "unauthorized": 401,
    "cross_site": 403,
    "not_found": 404,
    "job_unknown": 404,
    "model_unknown": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "job_closed": 409,
    "idempotency_conflict": 409,
    "idempotency_pending": 409,
    "request_too_large": 413,
    "invalid_argument": 422,
    "webhook_refused": 422,
    "queue_too_long": 429,
    "rate_limited": 429,
    "too_many_queued": 429,
    "too_many_streams": 429,
    "uploads_off": 501,
    "blobs_full": 503,
    "redis_unreachable": 503,
    "redis_refused": 503,
    "not_replicated": 503,
    "no_capable_worker": 503,
    "deadline_passed": 504,
    "wait_timeout": 504,
}
#: What the outside is told instead of the message, which names addresses of the inside.
_DISCREET: Final[Mapping[str, str]] = {
    "redis_unreachable": "Redis cannot be reached from the gateway; its log says more",
    "redis_refused": "Redis answers, but refuses the command; the gateway's log says more",
    "not_replicated": "the job is not safe against a failover of Redis and was withdrawn; submit it again",
    "settings_invalid": "the gateway's settings are wrong; its log says more",
    "message_invalid": "what is in Redis cannot be read; the gateway's log says more",
}
#: Of TensorFlow Serving and of the Open Inference Protocol.
_THEIR_PATHS: Final = ("/v1/models/", "/v2")
#: Where nobody knows better.
_RETRY_S: Final = 5


class ErrorBody(BaseModel):
    """Of every answer that is no success. Decide by `code`; `message` is for people."""

    code: str = Field(examples=["job_unknown"])
    message: str = Field(examples=["unknown job 'job-20261124-5d0a9c1f': it was never submitted here"])


_DESCRIBED: Final[Mapping[int, str]] = {
    401: "A key is needed",
    404: "There is no such thing",
    409: "It clashes with what was asked before",
    413: "More bytes or images than one request may have",
    422: "An argument is wrong: the message names it",
    429: "Too much at once: come back after Retry-After seconds",
    501: "Images can be named here, not sent",
    502: "The image failed, and its file is not to blame: the code says why",
    504: "The deadline passed, and the image was given up",
    503: "Redis is away, or no worker can do it: the message says what is missing",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the errors of a route; every other one may be met as well, in the same shape."""
    told: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorBody, "description": "Any other error"}}
    for status in (*statuses, 422):
        told[status] = {"model": ErrorBody, "description": _DESCRIBED.get(status, "See the code")}
    return told


class TheirErrorBody(BaseModel):
    """As clients of TensorFlow Serving and of the Open Inference Protocol read it, and the code."""

    error: str
    code: str


def their_answers() -> dict[int | str, dict[str, Any]]:
    """As `answers`."""
    theirs = {"model": TheirErrorBody, "description": "Any error"}
    return {"default": theirs, 422: theirs}


def parsed_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"the body is no JSON: {error}") from None


def status_of(error: VedetteError) -> int:
    if isinstance(error, ImageFailed):
        # Sending it again is of no use when it is the file; else it was the fleet.
        return 422 if error.code.startswith("image_") else 502
    return STATUS.get(error.code, 500)


def public_text(error: VedetteError) -> str:
    """What the caller reads."""
    return speakable(_DISCREET.get(error.code, str(error)))


def speakable(text: str) -> str:
    """JSON over HTTP is UTF-8: half a surrogate pair has to be spelled out."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def answer_to(error: VedetteError, path: str) -> Response:
    """`path` is of the request: clients of other servers read an error in another shape."""
    status = status_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is None and status == 503:
        retry_after_s = _RETRY_S
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    text = "error" if path.startswith(_THEIR_PATHS) else "message"
    return JSONResponse({"code": error.code, text: public_text(error)}, status, headers)


def flaws(items: Iterable[Mapping[str, Any]]) -> str:
    """What FastAPI found wrong with an argument, in one line: where, what, and the beginning of what came."""
    told = []
    for item in items:
        where = ".".join(str(part) for part in item.get("loc", ()) if part != "body") or "body"
        told.append(f"{where}: {item.get('msg', 'invalid')} (got {item.get('input')!r:.80})")
    shown, more = told[:5], len(told) - 5
    return "; ".join([*shown, f"and {more} more"] if more > 0 else shown)
