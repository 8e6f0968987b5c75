"""The envelope of a Celery message as it lies on a Redis list: checked before Celery handles it. Pure.

Celery trusts what is in a queue: a header of the wrong kind ends the worker, or leaves it alive and deaf, because the
request was counted as taken and never finished. Message protocol 2:
https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Text = Annotated[str, Field(min_length=1)]
Seconds = float | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _DeliveryInfo(_Part):
    exchange: str
    routing_key: str
    priority: int | None = None


class _Properties(_Part):
    delivery_tag: Text
    delivery_info: _DeliveryInfo
    body_encoding: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    priority: int | None = None


class _Headers(_Part):
    task: Text
    id: Text
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    retries: int | None = None
    eta: str | None = None
    expires: str | float | None = None
    timelimit: Annotated[list[Seconds], Field(min_length=2, max_length=2)] | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


class _Envelope(_Part):
    body: str
    content_type: str = Field(alias="content-type")
    content_encoding: str = Field(alias="content-encoding")
    headers: _Headers
    properties: _Properties


def flaw_of(element: Any) -> str | None:
    """What is wrong with an element of a queue, decoded from JSON; None when Celery can handle it."""
    try:
        _Envelope.model_validate(element)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'element'}: {first['msg']} (got {first['input']!r:.60})"
    return None
