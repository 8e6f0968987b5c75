"""Messages of Celery clients of several languages, as they lay on a list, and what somebody else may put there."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contract.errors import MessageError
from workers.celery_call import flaw_of_extras, read_call

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KWARGS = {"v": 1, "job": "j1", "images": ["/a.jpg"], "model": "tiny"}


def encoded(body: Any) -> str:
    return base64.b64encode(json.dumps(body).encode()).decode()


def element(content: Any, headers: Any = None, **changes: Any) -> bytes:
    """As celery-node writes it, but for `changes`; None leaves a key out."""
    whole = {
        "body": encoded(content),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": "q"}},
        **changes,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


TWO = {"lang": "js", "task": "vedette.submit", "id": "i1"}
ONE = {"task": "vedette.submit", "id": "i1", "args": [], "kwargs": KWARGS}

READ = {
    "celery-node": element([[], KWARGS, {}], TWO),
    "celery-node, protocol 1": element(ONE, {}),
    "gocelery": element({**ONE, "retries": 0, "eta": None, "expires": None}),
    "args null": element({**ONE, "args": None}),
    "python": element([[], KWARGS, {"callbacks": None, "chain": None}], {**TWO, "eta": None, "retries": 0}),
    "embed null": element([[], KWARGS, None], TWO),
    "body as it is": element(None, TWO, body=json.dumps([[], KWARGS, {}]), properties={}),
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_what_clients_send_is_read(text: bytes) -> None:
    call = read_call(text)

    assert (call.task, call.id, call.args, call.kwargs) == ("vedette.submit", "i1", [], KWARGS)
    assert flaw_of_extras(call.extras, NOW) is None


REFUSED = {
    "no text": (b"\x80\x81\xfe", "no JSON"),
    "no json": (b"submit!", "no JSON"),
    "deep": (b"[" * 200_000, "no JSON"),
    "long number": (b"1" * 10_000, "no JSON"),
    "list": (b"[1]", "no object"),
    "null": (b"null", "no object"),
    "empty": (b"{}", "content-type is None"),
    "headers list": (element([[], KWARGS, {}], ["x"]), "headers is no object"),
    "properties text": (element([[], KWARGS, {}], TWO, properties="x"), "properties is no object"),
    "pickle": (
        element([[], KWARGS, {}], TWO, **{"content-type": "application/x-python-serialize"}),
        "only application",
    ),
    "compressed": (element([[], KWARGS, {}], {**TWO, "compression": "application/x-gzip"}), "compressed"),
    "body null": (element(None, TWO, body=None), "body is no text"),
    "body number": (element(None, TWO, body=7), "body is no text"),
    "body no base64": (element(None, TWO, body="%"), "body is no"),
    "body no ascii": (element(None, TWO, body="é"), "no base64"),
    "body encoding": (element([], TWO, properties={"body_encoding": "rot13"}), "rot13"),
    "body of 2": (element([[], KWARGS], TWO), "no list of args, kwargs and embed"),
    "body object": (element(ONE, TWO), "no list of args, kwargs and embed"),
    "body list, no task": (element([[], KWARGS, {}], {}), "without a task in the headers"),
    "kwargs list": (element([[], [], {}], TWO), "kwargs is no object"),
    "args object": (element([{}, KWARGS, {}], TWO), "args is no list"),
    "embed list": (element([[], KWARGS, [1]], TWO), "embed is no object"),
    "id null": (element([[], KWARGS, {}], {**TWO, "id": None}), "task or id"),
    "id of half a character": (element([[], KWARGS, {}], {**TWO, "id": "\ud800"}), "id is no UUID"),
    "task list": (element([[], KWARGS, {}], {**TWO, "task": ["x"]}), "task or id"),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_message_is_named(text: bytes, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        read_call(text)


@pytest.mark.parametrize(
    ("extras", "flaw"),
    [
        ({"eta": "2026-11-24T12:00:30+00:00"}, None),  # the time of sending, by a clock that is fast
        ({"eta": "2026-11-24T13:00:30+01:00"}, None),
        ({"eta": "2026-11-24T13:00:00"}, "send it when it is time"),
        ({"eta": "tomorrow"}, "no time in ISO 8601"),
        ({"eta": 7}, "no time in ISO 8601"),
        ({"expires": "2026-11-24T12:00:01Z"}, None),
        ({"expires": "2026-11-24T11:59:59"}, "no worker came for it in time"),
        ({"chain": [{"task": "x"}]}, "chain: nothing is called afterwards"),
        ({"callbacks": [], "errbacks": None}, None),
    ],
)
def test_what_else_is_asked_for(extras: dict[str, Any], flaw: str | None) -> None:
    found = flaw_of_extras(extras, NOW)

    assert found is None if flaw is None else found is not None and flaw in found
