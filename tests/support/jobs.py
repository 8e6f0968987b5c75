"""Jobs as a producer submits them, for tests of the workers' side: by the ledger and the bell, without the producer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from contract.doorbell import ring
from contract.ledger import JobStatus, Ledger
from contract.messages import DetectMessage, ImageRef, ImageResult, JobOptions
from contract.model_spec import ModelSpec
from contract.queues import queue_name
from tests.support.wait import wait_until


@dataclass(frozen=True)
class SubmittedJob:
    name: str
    ledger: Ledger
    app: Celery
    queue: str
    messages: tuple[DetectMessage, ...]

    def ring(self) -> None:
        """Rings for every task, once more if it was rung for."""
        for message in self.messages:
            ring(self.app, message, self.queue)

    def status(self) -> JobStatus:
        return self.ledger.status(self.name)

    def results(self) -> dict[int, ImageResult]:
        """Index to result, so far. Fails when an image is in the order of completion twice."""
        pairs = self.ledger.results(self.name, count=10_000)
        results = dict(pairs)
        assert len(pairs) == len(results), "an image has two places in the order of completion"
        return results

    def finished(self, timeout_s: float = 30) -> dict[int, ImageResult]:
        """Waits for the end and gives the results, held against the job's counters."""
        status = wait_until(lambda: self._ended(), timeout_s, that=f"job {self.name} ends")
        results = self.results()
        failed = sum(not result.ok for result in results.values())
        assert (status.succeeded, status.failed) == (len(results) - failed, failed)
        return results

    def _ended(self) -> JobStatus | None:
        status = self.status()
        return status if status.ended else None


def add_job(
    app: Celery,
    ledger: Ledger,
    spec: ModelSpec,
    images: Sequence[Path | str],
    *,
    batch_size: int = 8,
    task_images: int = 32,
    digest: str | None = None,
    min_score: float = 0.5,
) -> SubmittedJob:
    """A sealed job whose bells have not been rung yet."""
    name = uuid.uuid4().hex
    queue = queue_name(spec.needs)
    options = JobOptions(model=spec.ref, digest=digest or spec.digest, batch_size=batch_size, min_score=min_score)
    ledger.create_job(name, options, queue)
    refs = [ImageRef(index=index, name=Path(uri).name, uri=str(uri)) for index, uri in enumerate(images)]
    messages = []
    for start in range(0, len(refs), task_images):
        task = f"{name}-{start}"
        ledger.add_task(name, task, queue, batch_size, refs[start : start + task_images])
        messages.append(DetectMessage(job=name, task=task, model=spec.ref, batch_size=batch_size))
    ledger.seal_job(name)
    return SubmittedJob(name, ledger, app, queue, tuple(messages))
