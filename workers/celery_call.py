"""A Celery message as any client lays it on a Redis list, read without Celery. Pure.

Message protocol 2, which Python and celery-node (npm) write, and 1, which gocelery does. Clients differ in what they
leave out; what is needed here is a task's name, an id and keyword arguments.
https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contract.errors import MessageError

#: Some clients send the time of sending as `eta`, by their own clock.
_SOON: Final = timedelta(minutes=1)
_FOLLOW_UPS: Final = ("callbacks", "errbacks", "chain", "chord")


@dataclass(frozen=True)
class Call:
    task: str
    id: str
    args: list[Any]
    kwargs: dict[str, Any]
    #: What else is asked for: headers of protocol 2, fields of the body of protocol 1.
    extras: Mapping[str, Any]


def read_call(element: bytes) -> Call:
    """MessageError says why `element` is no Celery message in JSON."""
    whole = _object(_json(element, "it"), "it")
    headers = _object(whole.get("headers") or {}, "headers")
    body = _body(whole, headers)
    if "task" not in headers:
        fields = _object(body, "body, without a task in the headers,")
        return _call(fields, fields.get("args") or [], fields.get("kwargs") or {}, fields)
    if not isinstance(body, list) or len(body) != 3:
        raise MessageError("body is no list of args, kwargs and embed")
    args, kwargs, embed = body
    return _call(headers, args, kwargs, {**headers, **_object(embed or {}, "embed")})


def flaw_of_extras(extras: Mapping[str, Any], now: datetime) -> str | None:
    """What a call asks for that nobody here would do; None when there is nothing."""
    follow_ups = [name for name in _FOLLOW_UPS if extras.get(name)]
    if follow_ups:
        return f"{', '.join(follow_ups)}: nothing is called afterwards; look for the results in Redis"
    try:
        eta, expires = _time(extras.get("eta")), _time(extras.get("expires"))
    except (TypeError, ValueError) as error:
        return f"eta or expires is no time in ISO 8601 ({error})"
    if eta is not None and eta > now + _SOON:
        return f"eta={eta.isoformat()}: it would be done now; send it when it is time"
    if expires is not None and expires < now:
        return f"expires={expires.isoformat()}: no worker came for it in time; send it again"
    return None


def _call(about: Mapping[str, Any], args: Any, kwargs: Any, extras: Mapping[str, Any]) -> Call:
    task, call_id = about.get("task"), about.get("id")
    if not isinstance(task, str) or not isinstance(call_id, str) or not task or not call_id:
        raise MessageError(f"task or id is no text (got {task!r:.60}, {call_id!r:.60})")
    if not call_id.isascii():
        raise MessageError(f"id is no UUID, nor like one (got {call_id!r:.60})")
    if not isinstance(args, list):
        raise MessageError(f"args is no list (got {args!r:.60})")
    return Call(task, call_id, args, _object(kwargs, "kwargs"), extras)


def _body(whole: Mapping[str, Any], headers: Mapping[str, Any]) -> Any:
    text, properties = whole.get("body"), _object(whole.get("properties") or {}, "properties")
    kind, encoding = whole.get("content-type"), properties.get("body_encoding")
    if kind != "application/json":
        raise MessageError(f"content-type is {kind!r:.60}; only application/json is read")
    if headers.get("compression"):
        raise MessageError("it is compressed; send it plain")
    if not isinstance(text, str):
        raise MessageError(f"body is no text (got {text!r:.60})")
    if encoding is None:
        return _json(text, "body")
    if encoding != "base64":
        raise MessageError(f"body_encoding is {encoding!r:.60}; expected base64, or none")
    try:
        return _json(base64.b64decode(text), "body")
    except ValueError as error:
        raise MessageError(f"body is no base64 ({error})") from None


def _json(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"{what} is no JSON ({error})") from None


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MessageError(f"{what} is no object (got {value!r:.60})")
    return value


def _time(value: Any) -> datetime | None:
    """Celery's times without a zone are UTC."""
    if value is None:
        return None
    time = datetime.fromisoformat(value)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
