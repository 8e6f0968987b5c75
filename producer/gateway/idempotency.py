"""`Idempotency-Key`: a request that is sent again, because its answer was lost, does its work once.

The first one with a key notes what it asks, then works, then notes its answer; the same request gets that answer for a
day. One that failed leaves nothing, so that it may be tried again. What a body asks that is read as it comes is known
when the work is done: until then its note only says that the key is taken.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Final, Protocol

from fastapi import Header

from contract import keys
from producer.gateway.backend import Backend
from producer.gateway.errors import IdempotencyConflict, IdempotencyPending
from producer.outage import answering

#: How long an answer is kept.
LIFETIME: Final = timedelta(days=1)
#: How long the work may give no sign of life before whoever comes again does it again: the gateway that began has died.
PENDING: Final = timedelta(minutes=5)
_SIGN_OF_LIFE_S: Final = 60.0

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=255, description="Any text of yours; the same again: the same answer")
]


class Hash(Protocol):
    """As of hashlib."""

    def hexdigest(self) -> str: ...


def once(asked: Backend, key: str | None, caller: str, body: str, work: Callable[[], str]) -> tuple[str, bool]:
    """The answer of `work`, and whether it is one that was given before.

    IdempotencyConflict when the key was used for another body, IdempotencyPending while the first is being answered.
    """
    if key is None:
        return work(), False
    note, hashed = _Note(asked, key, caller), hashlib.sha256(body.encode()).hexdigest()
    known = note.begin(hashed)
    if known is not None:
        return note.answer(hashed, known), True
    return note.keep_answer(work, lambda: hashed), False


def once_read(
    asked: Backend,
    key: str | None,
    caller: str,
    hashed: Hash,
    read: Iterable[object],
    work: Callable[[Callable[[], None]], str],
) -> tuple[str, bool]:
    """As `once`, for a body whose `hashed` has all of it only when `read`, or what `work` does, has come to its end.

    `work` calls what it is given with every step, so that its note lives.
    """
    if key is None:
        return work(lambda: None), False
    note = _Note(asked, key, caller)
    known = note.begin()
    if known is not None:
        for _ in read:
            pass
        return note.answer(hashed.hexdigest(), known), True
    return note.keep_answer(lambda: work(note.renew), hashed.hexdigest), False


class _Note:
    """What stands in Redis under one key of one caller: `body`, a hash of what is asked, and its `answer`."""

    def __init__(self, asked: Backend, key: str, caller: str) -> None:
        self._asked = asked
        self._key = key
        self._place = keys.gateway_idempotency(hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest())
        self._renew_at_s = time.monotonic() + _SIGN_OF_LIFE_S

    def begin(self, hashed: str | None = None) -> dict[str, str] | None:
        """None: the work is mine; else what was noted."""
        noted = {} if hashed is None else {"body": hashed}
        with answering(self._asked.settings):
            if self._asked.redis.set(self._place, json.dumps(noted), nx=True, px=PENDING):
                return None
            text = self._asked.redis.get(self._place)
        known: dict[str, str] = json.loads(text) if text else {}
        return known

    def renew(self) -> None:
        if time.monotonic() > self._renew_at_s:
            self._renew_at_s = time.monotonic() + _SIGN_OF_LIFE_S
            with answering(self._asked.settings):
                self._asked.redis.set(self._place, json.dumps({}), px=PENDING)

    def keep_answer(self, work: Callable[[], str], hashed: Callable[[], str]) -> str:
        try:
            answer = work()
        except BaseException:
            with answering(self._asked.settings):
                self._asked.redis.delete(self._place)
            raise
        with answering(self._asked.settings):
            self._asked.redis.set(self._place, json.dumps({"body": hashed(), "answer": answer}), px=LIFETIME)
        return answer

    def answer(self, hashed: str, known: dict[str, str]) -> str:
        if known.get("body", hashed) != hashed:
            raise IdempotencyConflict(
                f"Idempotency-Key {self._key!r} was used for another request; use a new one for each"
            )
        if "answer" not in known:
            raise IdempotencyPending(f"the first request with Idempotency-Key {self._key!r} is still being answered", 1)
        return known["answer"]
