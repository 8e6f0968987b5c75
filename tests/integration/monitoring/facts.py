"""A fleet in Redis with something to see of every kind; no process stands behind it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from contract import keys
from contract.ledger import Attempt, BatchRun, Claim, Ledger, PutBack
from contract.memory import GIB, MIB
from contract.messages import ImageResult
from contract.registry import Registry
from contract.settings import Settings
from contract.vitals import SlotVitals, Vitals
from tests.support.builders import MODEL, advert, found, image_refs, not_processed, options, spec

QUEUE = "detect.any.512m"
#: A queue that no worker of `publish` serves.
LONELY = "detect.any.8g"


@dataclass
class PlayedFleet:
    client: redis.Redis
    settings: Settings

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.client, self.settings)
        # Nobody refreshes what is published here.
        lasting = self.settings.model_copy(update={"advert_lifetime": self.settings.registry_lifetime})
        self.registry = Registry(self.client, lasting)

    def publish(self) -> None:
        """Two workers, of which one is of an older Vedette, and a small and a large model."""
        self.registry.publish_model(spec())
        self.registry.publish_model(spec("huge", base="6g"))
        self.registry.publish_advert(
            advert("new@yard", slots=2, queues=[QUEUE]),
            Vitals(
                node="new@yard",
                up_s=60,
                slots=2,
                slots_busy=1,
                memory_bytes=900 * MIB,
                memory_limit_bytes=4 * GIB,
                memory_free_bytes=3 * GIB,
                each=(SlotVitals(pid=1, stage="run", memory_bytes=500 * MIB, models=(MODEL,)), SlotVitals(pid=2)),
                kills={"guard": 2},
                images={MODEL: 40},
            ),
        )
        self.registry.publish_advert(advert("old@yard", queues=[QUEUE]))
        self.client.hset(keys.learned(spec().digest, "2048m"), mapping={"fitted": 16, "limit": 16})

    def queue(self, images: int = 8, queue: str = QUEUE, model: str = MODEL) -> tuple[str, str]:
        """(job, task) of a job of one task, which waits."""
        job = uuid.uuid4().hex
        self.ledger.create_job(job, options(model), queue)
        self.ledger.add_task(job, f"{job}-0", queue, 8, image_refs(images))
        self.ledger.seal_job(job)
        return job, f"{job}-0"

    def claim(self, images: int = 8) -> Claim:
        job, task = self.queue(images)
        claim = self.ledger.claim(job, task, "new@yard")
        assert isinstance(claim, Claim)
        return claim

    def work(self, images: int = 8) -> None:
        """A task that succeeds, in one call."""
        claim = self.claim(images)
        run = BatchRun(images, 0.05 * images, "2048m", predicted_bytes=700 * MIB, peak_bytes=560 * MIB)
        self._end(claim, [found(image.name) for image in claim.images], run)

    def give_up(self, images: int = 8) -> None:
        """A task whose images become dead letters."""
        claim = self.claim(images)
        self._end(claim, [not_processed(image.name, "memory") for image in claim.images], verdict="memory")

    def kill(self) -> None:
        """An attempt that ends its slot; what it had waits again."""
        claim = self.claim()
        attempt = self._attempt(claim, verdict="memory", outcome="batch 8 → 4")
        self.ledger.close(claim.job, claim.task, attempt, PutBack(QUEUE, 8), "guard")

    def _end(self, claim: Claim, results: Sequence[ImageResult], run: BatchRun | None = None, **fields: str) -> None:
        indexed = [(image.index, result) for image, result in zip(claim.images, results, strict=True)]
        assert self.ledger.record(claim.job, claim.task, claim.attempt, indexed, run) == "recorded"
        self.ledger.close(claim.job, claim.task, self._attempt(claim, **fields), PutBack(claim.queue, 8))

    def _attempt(self, claim: Claim, **fields: str) -> Attempt:
        told = {"attempt": claim.attempt, "worker": "new@yard", "batch_size": 8, "ended": datetime.now(UTC), **fields}
        return Attempt.model_validate(told)
