"""The reconciler: finds tasks that nobody answers for, and puts them back.

Every worker runs it, one at a time under a short lock in Redis, so it needs no machine of its own. It sees two things:
a lease that ran out (slot killed, machine gone, network cut) and a queued task whose bell was lost.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import redis
from celery import bootsteps
from celery.utils.log import get_logger
from redis.exceptions import LockError

from contract import keys
from contract.connection import connect
from contract.doorbell import ring
from contract.errors import MessageError
from contract.ledger import TaskRecord
from contract.logs import tell
from contract.messages import DetectMessage
from contract.outage import RedisTrouble
from contract.settings import load_settings
from workers.closing import Office, office, settle
from workers.findings import findings
from workers.ladder import Mishap

logger = get_logger(__name__)

#: Longer than a pass takes; a worker that dies while holding it stops nobody for long.
_LOCK_S: Final = 10.0
_EVERY_S: Final = 3.0


class Reconcile(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Consumer bootstep: one pass every three seconds, by whichever worker gets the lock."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        settings = load_settings()
        self._redis = connect(settings, patient=False)
        desk = office(consumer.app, self._redis, settings, findings().capability)
        self._reconciler = Reconciler(self._redis, desk)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        self._timer = consumer.timer.call_repeatedly(_EVERY_S, self._pass)

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _pass(self) -> None:
        try:
            with self._redis.lock(keys.RECONCILER_LOCK, timeout=_LOCK_S, blocking=False):
                self._reconciler.run()
        except LockError:
            pass  # another worker is at it
        except RedisTrouble as error:
            logger.debug("Redis is away, nothing reconciled: %s", error)


class Reconciler:
    def __init__(self, client: redis.Redis, office: Office) -> None:
        self._redis = client
        self._office = office
        self._ledger = office.ledger
        self._unreadable: set[str] = set()
        #: Of each queue, the first so many waiting tasks have had their lifetime looked at in this round.
        self._kept = 0

    def run(self) -> None:
        others = 0
        while due := self._ledger.expired(start=others):
            left = sum(not self._tend(task, self._put_back) for task in due)
            if left < len(due):
                break  # what was put back has left the list; the rest has time until the next pass
            others += left
        for task in self._ledger.silent(self._office.settings.bell_patience):
            self._tend(task, self._ring_again)
        looked_at = self._ledger.keep_waiting(self._kept)
        self._kept = self._kept + looked_at if looked_at else 0

    def _tend(self, task_id: str, act: Callable[[str], object]) -> bool:
        """Acts on the task; False, and one line in the log, when it is written in a way that only others can read."""
        try:
            act(task_id)
        except MessageError as error:
            if task_id not in self._unreadable:
                logger.warning("task %s is left to workers that can read it: %s", task_id, error)
            self._unreadable.add(task_id)
            return False
        return True

    def _put_back(self, task_id: str) -> None:
        task = self._ledger.task(task_id)
        if task is None or task.state != "running":
            self._ledger.forget(task_id)
            return
        lease_s = self._office.settings.lease.total_seconds()
        settle(self._office, task, Mishap("lost", f"no sign of life from {task.worker} for {lease_s:g} s"))

    def _ring_again(self, task_id: str) -> None:
        task = self._ledger.task(task_id)
        if task is None or task.state != "queued":
            self._ledger.forget(task_id)
            return
        text = "task %s waits on %s without a doorbell: ringing again"
        of = {"job": task.job, "task": task_id, "attempt": task.attempt + 1, "model": task.model, "queue": task.queue}
        tell(logger, logging.WARNING, "bell_rung_again", text, task_id, task.queue, **of)
        images, last = len(self._ledger.images_left(task_id)), self._ledger.history(task_id)[-1:]
        after = next((f"{before.verdict}: {before.detail}" for before in last if before.verdict), "a doorbell was lost")
        ring(self._office.app, _message(task), task.queue, task.attempt, images=images, after=after)
        self._ledger.rung(task_id, task.queue)


def _message(task: TaskRecord) -> DetectMessage:
    return DetectMessage(job=task.job, task=task.task, model=task.model, batch_size=task.batch_size)
