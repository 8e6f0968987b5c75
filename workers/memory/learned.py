"""What the fleet has learned of a model on a class of worker: batches that fitted, and those that did not.

The rule is pure and stands in `after_failure` and `after_success`; Redis keeps its result with a lifetime. Two slots
that learn at once do not undo each other: a record is replaced only if it is still the one that was read.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from importlib import resources
from typing import Final

import redis
from redis.commands.core import Script

from contract import keys
from contract.settings import Settings

#: Full batches in a row at the limit, after which it may grow.
STREAK: Final = 32
#: How long a failure is held against larger batches; then growth may try them again.
FORGET: Final = timedelta(hours=6)
#: Each round of a race has a winner: enough for as many slots at once.
_ROUNDS_MAX: Final = 50
#: How long a slot goes by what it has seen. Its own failures it knows at once.
_LOOKED_S: Final = 0.5


@dataclass(frozen=True)
class Learned:
    """Of one model digest on one class of worker. 0 stands for "not known"."""

    #: Largest batch that fitted, below `failed`.
    fitted: int = 0
    #: Smallest batch that failed for memory, and when.
    failed: int = 0
    failed_ms: int = 0
    #: Largest batch to try; 0: nothing has failed yet, there is no limit.
    limit: int = 0
    #: Highest anonymous bytes of a slot during a batch that fitted.
    peak_bytes: int = 0
    #: Batches of the limit's size that fitted in a row.
    streak: int = 0
    updated_ms: int = 0
    #: Counts the changes.
    version: int = 0


def limit(learned: Learned) -> int | None:
    """The most images to put in one batch; None for no limit."""
    return learned.limit or None


def after_failure(learned: Learned, images: int, now_ms: int) -> Learned:
    """A batch of `images` failed for memory, and was the cause: half of it is the limit from now on.

    | failed at | before    | limit after | failed after |
    |-----------|-----------|-------------|--------------|
    | 16        | no limit  | 8           | 16           |
    | 8         | limit 8   | 4           | 8            |
    | 16        | limit 4   | 4           | 8 (stays)    |
    | 5         | limit 5   | 2           | 5            |
    | 1         | anything  | unchanged   | unchanged    |

    One image that fails alone says something of that image; there is no smaller batch to learn.
    """
    if images <= 1:
        return learned
    known = _without_old_failure(learned, now_ms)
    failed = min(known.failed or images, images)
    return replace(
        known,
        fitted=min(known.fitted, failed - 1),
        failed=failed,
        failed_ms=now_ms,
        limit=min(known.limit or images, images // 2),
        streak=0,
        updated_ms=now_ms,
    )


def after_success(learned: Learned, images: int, peak_bytes: int, now_ms: int) -> Learned:
    """A batch of `images` fitted. After 32 at the limit it grows by a quarter, at least 1, and stays below `failed`.

    | limit | failed | after 32, 64, 96 … full batches        | after 6 h without a failure |
    |-------|--------|----------------------------------------|-----------------------------|
    | 8     | 16     | 10, 12, 15, 15 …                       | 18, 22, 27 …                |
    | 4     | 8      | 5, 6, 7, 7 …                           | 8, 10, 12 …                 |
    | 1     | 2      | 1 …                                    | 2, 3, 4, 5, 6 …             |

    So a batch that failed by bad luck is tried again after 6 h and 32 batches, and costs one attempt if it fails again.
    """
    known = _without_old_failure(learned, now_ms)
    fitted = max(known.fitted, images)
    grown = replace(known, fitted=fitted, peak_bytes=max(known.peak_bytes, peak_bytes))
    if known.limit and images >= known.limit:
        grown = replace(grown, streak=known.streak + 1)
        if grown.streak >= STREAK:
            wanted = known.limit + max(1, known.limit // 4)
            larger = min(wanted, known.failed - 1) if known.failed else wanted
            grown = replace(grown, limit=max(known.limit, larger), streak=0)
    return learned if grown == learned else replace(grown, updated_ms=now_ms)


def _without_old_failure(learned: Learned, now_ms: int) -> Learned:
    if learned.failed and now_ms - learned.failed_ms >= FORGET / timedelta(milliseconds=1):
        return replace(learned, failed=0, failed_ms=0)
    return learned


class LearnedSizes:
    """Raises redis-py's errors. What could not be read is no limit, what could not be written is learned next time."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._lifetime_ms = int(settings.registry_lifetime / timedelta(milliseconds=1))
        #: What was known when, by key and `time.monotonic()`: small tasks follow faster than others' batches fail.
        self._looked: dict[str, tuple[Learned, int, float]] = {}

    def read(self, digest: str, worker_class: str) -> Learned:
        return self._read(keys.learned(digest, worker_class))[0]

    def limit(self, digest: str, worker_class: str) -> int | None:
        return limit(self._look(keys.learned(digest, worker_class))[0])

    def failed(self, digest: str, worker_class: str, images: int) -> Learned:
        """A batch failed for memory and was no victim. Call it once per failed attempt."""
        return self._learn(
            keys.learned(digest, worker_class), lambda learned, now_ms: after_failure(learned, images, now_ms)
        )

    def fitted(self, digest: str, worker_class: str, images: int, peak_bytes: int) -> Learned:
        """A batch fitted; `peak_bytes` as the guard saw it. Writes only when that is news to what `limit` went by."""
        return self._learn(
            keys.learned(digest, worker_class),
            lambda learned, now_ms: after_success(learned, images, peak_bytes, now_ms),
            looked=True,
        )

    def _learn(self, name: str, rule: Callable[[Learned, int], Learned], *, looked: bool = False) -> Learned:
        """`looked`: the rule may begin with what was seen lately. What is written begins with what is there."""
        learned, now_ms = self._look(name) if looked else self._read(name)
        for _ in range(_ROUNDS_MAX):
            after = rule(learned, now_ms)
            if after == learned:
                return learned
            after = replace(after, version=learned.version + 1)
            if self._replace(name, learned.version, after):
                self._looked[name] = after, now_ms, time.monotonic()
                return after
            learned, now_ms = self._read(name)
        return learned

    def _look(self, name: str) -> tuple[Learned, int]:
        """`_read`, or what it gave less than half a second ago."""
        learned, now_ms, at_s = self._looked.get(name, (None, 0, 0.0))
        if learned is None or time.monotonic() - at_s > _LOOKED_S:
            return self._read(name)
        return learned, now_ms

    def _read(self, name: str) -> tuple[Learned, int]:
        """What is known, and Redis' clock in ms: the clocks of workers differ."""
        with self._redis.pipeline(transaction=False) as pipe:
            fields, (seconds, micros) = pipe.hgetall(name).time().execute()
        known = {field.name: int(fields[field.name]) for field in dataclasses.fields(Learned) if field.name in fields}
        learned, now_ms = Learned(**known), seconds * 1000 + micros // 1000
        self._looked[name] = learned, now_ms, time.monotonic()
        return learned, now_ms

    def _replace(self, name: str, version: int, after: Learned) -> bool:
        """False when another worker has learned something since `version` was read."""
        pairs = [part for pair in vars(after).items() for part in pair]
        return bool(self._replace_script([name], [version, self._lifetime_ms, *pairs]))

    @cached_property
    def _replace_script(self) -> Script:
        text = resources.files(__package__).joinpath("lua", "learn.lua").read_text(encoding="utf-8")
        return self._redis.register_script(text)
