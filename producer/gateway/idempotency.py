"""`Idempotency-Key`: a request that is sent again, because its answer was lost, does its work once.

The first one with a key notes what it asks, then works, then notes its answer; the same request gets that answer for a
day. One that failed leaves nothing, so that it may be tried again.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Header

from contract import keys
from producer.gateway.backend import Backend
from producer.gateway.errors import IdempotencyConflict, IdempotencyPending
from producer.outage import answering

#: How long an answer is kept.
LIFETIME: Final = timedelta(days=1)
#: How long the work may take before whoever comes again does it again: the gateway that began has died.
PENDING: Final = timedelta(minutes=5)

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=255, description="Any text of yours; the same again: the same answer")
]


def once(asked: Backend, key: str | None, caller: str, body: str, work: Callable[[], str]) -> tuple[str, bool]:
    """The answer of `work`, and whether it is one that was given before.

    IdempotencyConflict when the key was used for another body, IdempotencyPending while the first is being answered.
    """
    if key is None:
        return work(), False
    place = keys.gateway_idempotency(hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest())
    hashed = hashlib.sha256(body.encode()).hexdigest()
    with answering(asked.settings):
        mine = asked.redis.set(place, json.dumps({"body": hashed}), nx=True, px=PENDING)
        known = None if mine else asked.redis.get(place)
    if not mine:
        return _before(key, hashed, json.loads(known) if known else {}), True
    try:
        answer = work()
    except BaseException:
        with answering(asked.settings):
            asked.redis.delete(place)
        raise
    with answering(asked.settings):
        asked.redis.set(place, json.dumps({"body": hashed, "answer": answer}), px=LIFETIME)
    return answer, False


def _before(key: str, hashed: str, known: dict[str, str]) -> str:
    if known.get("body", hashed) != hashed:
        raise IdempotencyConflict(f"Idempotency-Key {key!r} was used for another request; use a new one for each")
    if "answer" not in known:
        raise IdempotencyPending(f"the first request with Idempotency-Key {key!r} is still being answered", 1)
    return known["answer"]
