"""What is asked of Redis for one scrape: a dozen round trips, however many workers, queues and models there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from contract import keys
from contract.capability import worker_class
from contract.ledger import Ledger, ModelCounts
from contract.registry import Registry
from contract.settings import Settings
from producer import fleet


@dataclass(frozen=True)
class LearnedBatch:
    """Of one model on one class of worker; 0: not known."""

    fitted: int
    limit: int


@dataclass(frozen=True)
class Facts:
    #: Workers, models and what waits, as `vedette fleet` reads them.
    fleet: fleet.Facts
    #: By `name@version`, of every model that is known.
    counts: Mapping[str, ModelCounts]
    #: By `name@version` and class of worker.
    learned: Mapping[tuple[str, str], LearnedBatch]
    #: Messages refused, by error code.
    refused: Mapping[str, int]
    blob_bytes: int
    blob_limit_bytes: int


def gather(client: redis.Redis, settings: Settings) -> Facts:
    """Raises what redis-py raises."""
    ledger = Ledger(client, settings)
    seen = fleet.read_facts(Registry(client, settings), ledger)
    classes = sorted({worker_class(worker.advert.capability.memory_per_slot_bytes) for worker in seen.workers})
    pairs = [(model, name) for model in seen.models for name in classes]
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.REJECTS).hget(keys.BLOB_BYTES, "all")
        for model, name in pairs:
            pipe.hmget(keys.learned(model.digest, name), "fitted", "limit")
        refused, blob_bytes, *learned = pipe.execute()
    return Facts(
        fleet=seen,
        counts=ledger.counts([model.ref for model in seen.models]),
        learned={
            (model.ref, name): found
            for (model, name), answer in zip(pairs, learned, strict=True)
            if (found := _learned(answer)) is not None
        },
        refused={code: int(count) for code, count in refused.items()},
        blob_bytes=int(blob_bytes or 0),
        blob_limit_bytes=settings.blob_bytes,
    )


def _learned(answer: Sequence[Any]) -> LearnedBatch | None:
    """None where nothing has run yet."""
    if answer[0] is None:
        return None
    return LearnedBatch(fitted=int(answer[0]), limit=int(answer[1] or 0))
