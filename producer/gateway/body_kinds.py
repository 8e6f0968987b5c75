"""Which bodies `POST /v1/jobs` takes, and which of them are read as they come (`streamed`)."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

LINES: Final = "application/x-ndjson"
FORM: Final = "multipart/form-data"
_PATH: Final = "/v1/jobs"


def media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Not what a page of another site may send without asking: text, or nothing said."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def is_streamed(scope: Scope) -> bool:
    """Whether the endpoint reads the body by itself, as it comes: the limits of other bodies are not for it."""
    return scope["path"] == _PATH and scope["method"] == "POST" and media_type(Headers(scope=scope)) in (LINES, FORM)
