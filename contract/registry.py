"""The registry: which models exist, which workers live and what they can do. Read by producers before they submit.

Writers are workers alone. An advert lives a few seconds past its last refresh, so a dead machine leaves by itself. A
model stays known for `registry_lifetime` after the last worker saw it: a fleet that sleeps at night keeps its models.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import Final, Literal

import redis
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.client import Pipeline

from contract import keys
from contract.capability import Capability, Requirement, satisfies
from contract.errors import ModelUnknown
from contract.model_spec import ModelSpec
from contract.queues import queue_name
from contract.settings import Settings
from contract.vitals import Vitals, read_vitals

#: How long it is known of a worker that is gone when it was last seen, and what it could do.
_PAST_LIFETIME: Final = timedelta(days=1)
#: Of those that are gone for longer, how many are taken off the list at once.
_FORGOTTEN_MAX: Final = 1000


class Advert(BaseModel):
    """A capability published with a lifetime, by the worker that measured it."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    #: Celery's node name, `name@host`.
    node: str
    capability: Capability
    #: Queues that it listens to now, in the order it takes work.
    queues: tuple[str, ...] = ()
    #: Queues that it has withdrawn from although its capability satisfies them, and why.
    withdrawn: dict[str, str] = Field(default_factory=dict)
    #: Versions of what matters here: vedette, tensorflow, numpy, opencv.
    versions: dict[str, str] = Field(default_factory=dict)
    #: Of this start of the worker, and of no other; empty for a worker that knows of no draining.
    instance: str = ""
    #: It takes nothing new, and finishes what it is at.
    draining: bool = False


class PastAdvert(BaseModel):
    """The last advert of a worker, kept for a day after it."""

    model_config = ConfigDict(frozen=True)

    #: Without its queues.
    advert: Advert
    #: It took its leave; else it was killed, or cut off.
    left: bool = False
    #: By Redis' clock, seconds since the epoch.
    last_seen_s: float = 0.0


def serves(advert: Advert, requirement: Requirement) -> bool:
    """Whether the worker takes work from the queue of `requirement`."""
    return not advert.draining and could_serve(advert, requirement)


def could_serve(advert: Advert, requirement: Requirement) -> bool:
    """The same, were it not draining."""
    return satisfies(advert.capability, requirement) and not (
        advert.withdrawn and queue_name(requirement) in advert.withdrawn
    )


class Registry:
    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._settings = settings
        self._past_lifetime = min(_PAST_LIFETIME, settings.registry_lifetime)
        #: Node to what was kept of it last, and when.
        self._kept: dict[str, tuple[Advert, float]] = {}

    # Models

    def publish_model(self, spec: ModelSpec) -> None:
        now_s = self._now_s()
        # How slots run it is theirs to know: they have the store. Versions of Vedette without engine plans read on.
        content = spec.model_dump_json(by_alias=True, exclude={"engine"})
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.model(spec.ref), content, px=self._settings.registry_lifetime)
            pipe.zadd(keys.MODELS, {spec.ref: now_s})
            pipe.pexpire(keys.MODELS, self._settings.registry_lifetime)
            pipe.zadd(keys.QUEUES, {queue_name(spec.needs): int(now_s * 1000)})
            pipe.pexpire(keys.QUEUES, self._settings.registry_lifetime)
            pipe.execute()

    def models(self) -> list[ModelSpec]:
        """Every known model, by name and version."""
        specs = self._specs(self._redis.zrange(keys.MODELS, 0, -1))
        return sorted(specs, key=lambda spec: (spec.name, version_order(spec.version)))

    def model(self, name: str) -> ModelSpec:
        """The model called `name`, `name@version` or `name@latest`; ModelUnknown lists what there is."""
        refs: list[str] = self._redis.zrange(keys.MODELS, 0, -1)
        namesakes = [ref for ref in refs if ref.partition("@")[0] == name.partition("@")[0]]
        meant = spec_named(name, self._specs(namesakes))
        if meant is None:
            known = self.models()
            there_is = ", ".join(spec.ref for spec in known)
            raise ModelUnknown(
                f"unknown model {name!r}. "
                + (f"Known: {there_is}." if there_is else "No model is registered: has a worker ever been started?")
            )
        return meant

    def forget_model(self, ref: str) -> None:
        """Takes the model off the list. A worker that still has it in its store publishes it again."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.model(ref))
            pipe.zrem(keys.MODELS, ref)
            pipe.execute()

    def _specs(self, refs: Sequence[str]) -> list[ModelSpec]:
        """Those of `refs` that are known still and can be read."""
        texts = self._redis.mget([keys.model(ref) for ref in refs]) if refs else []
        gone = [ref for ref, text in zip(refs, texts, strict=True) if text is None]
        self._forget(keys.MODELS, gone)
        return [spec for text in texts if text is not None and (spec := _read_spec(text)) is not None]

    # Adverts

    def publish_advert(self, advert: Advert, vitals: Vitals | None = None) -> None:
        """Refreshes the advert, and with it what the worker says of itself now."""
        now_s = self._now_s()
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(keys.advert(advert.node), advert.model_dump_json(), px=self._settings.advert_lifetime)
            pipe.zadd(keys.ADVERTS, {advert.node: now_s})
            pipe.pexpire(keys.ADVERTS, self._settings.registry_lifetime)
            if vitals is not None:
                pipe.set(keys.vitals(vitals.node), vitals.model_dump_json(), px=self._settings.advert_lifetime)
            self._keep(pipe, advert, now_s)
            pipe.execute()

    def withdraw_advert(self, node: str) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(keys.advert(node), keys.vitals(node))
            pipe.zrem(keys.ADVERTS, node)
            if node in self._kept:
                left = PastAdvert(advert=self._kept.pop(node)[0], left=True)
                pipe.set(keys.past_advert(node), left.model_dump_json(), px=self._past_lifetime)
            pipe.execute()

    def _keep(self, pipe: Pipeline, advert: Advert, now_s: float) -> None:
        """Notes when a worker was last seen, and now and then what it could do."""
        lasting = advert.model_copy(update={"queues": ()})
        kept, at_s = self._kept.get(advert.node, (None, 0.0))
        if kept != lasting or now_s - at_s > self._past_lifetime.total_seconds() / 4:
            # In two steps, for ZREMRANGEBYSCORE is nothing that a worker's user in Redis may do.
            oldest_s = now_s - self._past_lifetime.total_seconds()
            forgotten = self._redis.zrangebyscore(keys.PAST_ADVERTS, "-inf", oldest_s, start=0, num=_FORGOTTEN_MAX)
            if forgotten:
                pipe.zrem(keys.PAST_ADVERTS, *forgotten)
            pipe.set(
                keys.past_advert(advert.node), PastAdvert(advert=lasting).model_dump_json(), px=self._past_lifetime
            )
            self._kept[advert.node] = lasting, now_s
        pipe.zadd(keys.PAST_ADVERTS, {advert.node: now_s})
        pipe.pexpire(keys.PAST_ADVERTS, self._past_lifetime)

    def adverts(self) -> list[Advert]:
        """The workers that live now, by node name."""
        return [advert for advert, _ in self._living([keys.advert])]

    def fleet(self) -> list[tuple[Advert, Vitals | None]]:
        """The workers that live now, by node name, and what each says of itself; None: its Vedette is an older one.

        Two round trips, however many they are.
        """
        return [(advert, read_vitals(texts[0])) for advert, texts in self._living([keys.advert, keys.vitals])]

    def _living(self, spelled: Sequence[Callable[[str], str]]) -> list[tuple[Advert, list[str | None]]]:
        """Of each node that lives, its advert, which is the first that is `spelled`, and the texts of the others."""
        nodes: list[str] = self._redis.zrange(keys.ADVERTS, 0, -1)
        if not nodes:
            return []
        texts = self._redis.mget([spell(node) for node in nodes for spell in spelled])
        of_each = [texts[start : start + len(spelled)] for start in range(0, len(texts), len(spelled))]
        self._forget(keys.ADVERTS, [node for node, (first, *_) in zip(nodes, of_each, strict=True) if first is None])
        adverts = [(_read_advert(first), others) for first, *others in of_each if first is not None]
        living = [(advert, others) for advert, others in adverts if advert is not None]
        return sorted(living, key=lambda each: each[0].node)

    def past(self, living: Iterable[str] = ()) -> list[PastAdvert]:
        """Workers of the last day, but for those of `living`, the one that was seen last first."""
        seen = dict(reversed(self._redis.zrange(keys.PAST_ADVERTS, 0, -1, withscores=True)))
        for node in living:
            seen.pop(node, None)
        texts = self._redis.mget([keys.past_advert(node) for node in seen]) if seen else []
        past = [_read_past(text) for text in texts if text is not None]
        return [each.model_copy(update={"last_seen_s": seen[each.advert.node]}) for each in past if each is not None]

    # Queues

    def queues_in_use(self) -> list[str]:
        """Queues that a task was put on within `registry_lifetime`, or that a known model needs."""
        oldest_ms = (self._now_s() - self._settings.registry_lifetime.total_seconds()) * 1000
        queues: list[str] = self._redis.zrangebyscore(keys.QUEUES, oldest_ms, "+inf")
        return queues

    # What was refused

    def count_reject(self, code: str) -> int:
        """Counts a message that was refused with `code`, and gives the count so far."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hincrby(keys.REJECTS, code, 1)
            pipe.pexpire(keys.REJECTS, self._settings.registry_lifetime)
            count, _ = pipe.execute()
        return int(count)

    def rejects(self) -> dict[str, int]:
        counts: dict[str, str] = self._redis.hgetall(keys.REJECTS)
        return {code: int(count) for code, count in counts.items()}

    def _forget(self, names: str, gone: list[str]) -> None:
        """Who may only read leaves that to the others."""
        if gone:
            with suppress(redis.exceptions.NoPermissionError, redis.exceptions.ReadOnlyError):
                self._redis.zrem(names, *gone)

    def _now_s(self) -> float:
        """By Redis' clock, as in the ledger: those of two machines may be days apart."""
        seconds, microseconds = self._redis.time()
        return int(seconds) + int(microseconds) / 1e6


def spec_named(name: str, specs: Iterable[ModelSpec]) -> ModelSpec | None:
    """Of `specs`, the one that `name` (its latest version), `name@version` or `name@latest` means; None for none."""
    wanted, _, version = name.partition("@")
    matching = [spec for spec in specs if spec.name == wanted and version in ("", "latest", spec.version)]
    return max(matching, key=lambda spec: version_order(spec.version), default=None)


# A fleet is read over and over, every few seconds by who watches it, and hardly changes in between.
@lru_cache(maxsize=1024)
def _read_spec(text: str) -> ModelSpec | None:
    """None for a model that a newer Vedette published: it is for those who can read it."""
    try:
        return ModelSpec.model_validate_json(text)
    except ValidationError:
        return None


@lru_cache(maxsize=1024)
def _read_advert(text: str) -> Advert | None:
    """None for an advert of a newer Vedette: its worker is somebody else's business, not an error of ours."""
    try:
        return Advert.model_validate_json(text)
    except ValidationError:
        return None


def _read_past(text: str) -> PastAdvert | None:
    """None likewise."""
    try:
        return PastAdvert.model_validate_json(text)
    except ValidationError:
        return None


def version_order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Numbers compare as numbers: 10 comes after 9, and any number before any word."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in version.replace("-", ".").split("."))
