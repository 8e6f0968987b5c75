"""`Idempotency-Key`: a request that is sent again, because its answer was lost, does its work once.

The first one with a key notes what it asks, then works, then notes its answer; the same request gets that answer for a
day. One that failed leaves nothing, so that it may be tried again. What a body asks that is read as it comes is known
when the work is done: until then its note only says that the key is taken, and lives for as long as the body comes.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from importlib import resources
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


class Pulse:
    """What is done, by whoever needs a sign of life, with every piece of a body that comes."""

    def __init__(self) -> None:
        self.beat: Callable[[], None] = lambda: None

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.beat()
            yield piece


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
    work: Callable[[], str],
    pulse: Pulse,
) -> tuple[str, bool]:
    """As `once`, for a body whose `hashed` has all of it only when `read`, or what `work` does, has come to its end.

    While `work` reads on, the `pulse` of the body keeps its note. One that was lost all the same, for nothing came for
    too long, and that somebody else has now, ends the work with IdempotencyPending: one of them is enough.
    """
    if key is None:
        return work(), False
    note = _Note(asked, key, caller)
    known = note.begin()
    if known is not None:
        for _ in read:
            pass
        return note.answer(hashed.hexdigest(), known), True
    pulse.beat = note.renew
    return note.keep_answer(work, hashed.hexdigest), False


class _Note:
    """What stands in Redis under one key of one caller: `by` whom, `body`, a hash of what is asked, its `answer`."""

    def __init__(self, asked: Backend, key: str, caller: str) -> None:
        self._asked = asked
        self._key = key
        self._place = keys.gateway_idempotency(hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest())
        self._renew_at_s = time.monotonic() + _SIGN_OF_LIFE_S
        self._mine = ""
        script = resources.files(__package__).joinpath("note.lua").read_text(encoding="utf-8")
        self._if_mine = asked.redis.register_script(script)

    def begin(self, hashed: str | None = None) -> dict[str, str] | None:
        """None: the work is mine; else what was noted."""
        self._mine = json.dumps({"by": uuid.uuid4().hex} | ({} if hashed is None else {"body": hashed}))
        with answering(self._asked.settings):
            if self._taken():
                return None
            text = self._asked.redis.get(self._place)
        known: dict[str, str] = json.loads(text) if text else {}
        return known

    def renew(self) -> None:
        if time.monotonic() > self._renew_at_s:
            self._renew_at_s = time.monotonic() + _SIGN_OF_LIFE_S
            with answering(self._asked.settings):
                lives = self._if_mine([self._place], [self._mine, round(PENDING.total_seconds() * 1000)])
                if not (lives or self._taken()):
                    raise self._pending()

    def keep_answer(self, work: Callable[[], str], hashed: Callable[[], str]) -> str:
        try:
            answer = work()
        except BaseException:
            with answering(self._asked.settings):
                self._if_mine([self._place], [self._mine, 0])
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
            raise self._pending()
        return known["answer"]

    def _taken(self) -> bool:
        return bool(self._asked.redis.set(self._place, self._mine, nx=True, px=PENDING))

    def _pending(self) -> IdempotencyPending:
        return IdempotencyPending(f"the first request with Idempotency-Key {self._key!r} is still being answered", 1)
