"""What may lie on a queue and is no doorbell. Pure."""

import base64
import json
import random
import uuid
from typing import Any, Final

from contract.messages import DETECT_TASK, DetectMessage


def garbage(draw: random.Random) -> bytes:
    """Bytes without any form, JSON without sense, or a Celery message that is wrong in one place."""
    return draw.choice((_noise, _no_message, _wrong_part, _wrong_fields))(draw)


def _noise(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randrange(1, 300))


def _no_message(draw: random.Random) -> bytes:
    return draw.choice((b"ring!", b"null", b"42", b"[1, 2]", b"{}", b'{"body": "x"}', b'"text"', b"\x80\x81\xfe"))


def _wrong_part(draw: random.Random) -> bytes:
    part, wrong = draw.choice(_WRONG_PARTS)
    message = _message(_fields())
    if isinstance(wrong, dict):
        message[part] = {**message[part], **wrong}
    else:
        message[part] = wrong
    return json.dumps(message).encode()


def _wrong_fields(draw: random.Random) -> bytes:
    return json.dumps(_message({**_fields(), **draw.choice(_WRONG_FIELDS)})).encode()


_WRONG_PARTS: Final[tuple[tuple[str, Any], ...]] = (
    ("body", None),
    ("body", "%%%"),
    ("body", base64.b64encode(b"[1, 2, 3]").decode()),
    ("headers", None),
    ("headers", {"task": "vedette.unknown"}),
    ("headers", {"id": ["x"]}),
    ("headers", {"retries": "many"}),
    ("headers", {"eta": "tomorrow"}),
    ("properties", {"delivery_tag": None}),
    ("properties", {"body_encoding": "rot13"}),
    ("content-type", "application/x-python-serialize"),
)
_WRONG_FIELDS: Final[tuple[dict[str, Any], ...]] = (
    {"v": 2},
    {"v": "1"},
    {"batch_size": 0},
    {"batch_size": "8"},
    {"job": "a:b"},
    {"task": None},
    {"priority": 3},
    {},  # well-formed, about a task that nobody knows
)


def _fields() -> dict[str, Any]:
    return DetectMessage(job="no-such-job", task="no-such-task", model="tiny@1", batch_size=8).model_dump()


def _message(fields: dict[str, Any]) -> dict[str, Any]:
    task_id = uuid.uuid4().hex
    return {
        "body": base64.b64encode(json.dumps([[], fields, {}]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": DETECT_TASK, "id": task_id, "retries": 0, "root_id": task_id},
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "x"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": uuid.uuid4().hex,
        },
    }
