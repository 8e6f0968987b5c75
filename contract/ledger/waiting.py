"""The ledger's verbs about tasks that wait, or that nobody answers for: the reconciler's side, and an operator's."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from contract import keys
from contract.ledger.base import LedgerBase, to_ms
from contract.ledger.records import QueueDepth
from contract.queues import is_queue

_CHUNK: Final = 1000
#: Tasks of one queue that are looked at, and of all together.
_SAMPLE: Final = 100
_SAMPLES: Final = 2000


class Waiting(LedgerBase):
    def expired(self, count: int = 100, start: int = 0) -> list[str]:
        """Tasks whose lease ran out: their slot, worker or machine is gone, or cut off. From the `start`-th on."""
        due: list[str] = self._scripts.expired([keys.LEASES], [count, start])
        return due

    def silent(self, patience: timedelta, count: int = 100) -> list[str]:
        """Queued tasks whose bell was lost: rung `patience` ago or before, unclaimed, and by the order of their queue
        no longer in it. At most `count` of each queue that this Vedette knows."""
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in self._queues():
                self._scripts.silent([keys.bells(queue), queue], [to_ms(patience), count], client=pipe)
            return [task for tasks in pipe.execute() for task in tasks]

    def rung(self, task: str, queue: str) -> None:
        """Notes that the bell of a task queued on `queue` was rung just now."""
        self._scripts.rung([keys.bells(queue)], [task])

    def keep_waiting(self, start: int, count: int = 100) -> int:
        """Prolongs the lifetime of what waits, and of the uploads it refers to, where half of it is over: `count` tasks
        of each queue from the `start`-th on. Gives the largest number that was looked at: 0 when no queue has so many.
        """
        last = start + count - 1
        lists_ms = max(self._upload_lifetime_ms, self._shared_lifetime_ms)
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in self._queues():
                self._scripts.keep(
                    [keys.bells(queue), keys.QUEUES],
                    [
                        *(queue, self._lifetime_ms, self._shared_lifetime_ms, start, last),
                        *(keys.job("%s"), keys.task("%s")),
                    ],
                    client=pipe,
                )
                self._scripts.keep_uploads(
                    [keys.bells(queue), keys.BLOBS, keys.BLOB_BYTES],
                    [start, last, self._upload_lifetime_ms, lists_ms, keys.task("%s"), keys.blob("%s")],
                    client=pipe,
                )
            return max(pipe.execute()[::2], default=0)

    def forget(self, task: str) -> None:
        """Takes a task whose record has expired out of the shared lists."""
        with self._redis.pipeline(transaction=False) as pipe:
            for key in (keys.LEASES, *map(keys.bells, self._queues())):
                pipe.zrem(key, task)
            pipe.execute()

    def jobs_at(self, model: str) -> list[str]:
        """Jobs that have tasks of the model `name@version` waiting or running, in no order. Looks at every task that
        waits or runs: for an operator's question, not for a loop."""
        tasks: set[str] = set()
        for key in (keys.LEASES, *map(keys.bells, self._queues())):
            tasks.update(self._redis.zrange(key, 0, -1))
        jobs = set(self._of_each([keys.task(task) for task in tasks], "job"))
        ordered = [job for job in jobs if job is not None]
        texts = self._of_each([keys.job(job) for job in ordered], "options")
        named = [(job, json.loads(text)["model"]) for job, text in zip(ordered, texts, strict=True) if text is not None]
        return [job for job, name in named if name == model]

    def depths(self, queues: Sequence[str] | None = None) -> dict[str, QueueDepth]:
        """What waits on each of `queues`, by default every one in use. Looks at some tasks of each only."""
        names = self._queues() if queues is None else [*queues]
        seconds, microseconds = self._redis.time()
        now_ms = int(seconds) * 1000 + int(microseconds) / 1000
        size = max(1, min(_SAMPLE, _SAMPLES // max(1, len(names))))
        with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zcard(keys.bells(name))
                pipe.zrange(keys.bells(name), 0, size - 1, withscores=True)
            counted = pipe.execute()
            for sample in counted[1::2]:
                for task, _ in sample:
                    pipe.hlen(keys.task_images(task))
            sizes = iter(pipe.execute())
        depths = {}
        for name, tasks, sample in zip(names, counted[::2], counted[1::2], strict=True):
            images = sum(next(sizes) for _ in sample)
            oldest_s = max(0.0, now_ms - sample[0][1]) / 1000 if sample else None
            depths[name] = QueueDepth(tasks, round(images * tasks / len(sample)) if sample else 0, oldest_s)
        return depths

    def _queues(self) -> list[str]:
        """Not those of a newer Vedette: their tasks are its own."""
        return [queue for queue in self._redis.zrange(keys.QUEUES, 0, -1) if is_queue(queue)]

    def _of_each(self, hashes: Sequence[str], field: str) -> list[str | None]:
        found: list[str | None] = []
        for start in range(0, len(hashes), _CHUNK):
            with self._redis.pipeline(transaction=False) as pipe:
                for key in hashes[start : start + _CHUNK]:
                    pipe.hget(key, field)
                found += pipe.execute()
        return found
