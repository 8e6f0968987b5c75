"""Bootstep that takes what producers in other languages submit. Every worker looks; one at a time answers."""

import time
from typing import Any, Final

from celery import bootsteps
from celery.utils.log import get_logger
from celery.utils.saferepr import saferepr
from redis.exceptions import LockError

from contract import keys
from contract.blobs import Blobs
from contract.connection import connect
from contract.ledger import Ledger
from contract.outage import RedisTrouble
from contract.redact import redact
from contract.registry import Registry
from contract.settings import load_settings
from contract.submissions import Submissions
from workers.submitter import Answered, NotYet, Submitter

logger = get_logger(__name__)

_EVERY_S: Final = 0.5
#: Of the event loop, at a time; the message that is at hand then is finished.
_SLICE_S: Final = 0.5
_LOCK_S: Final = 10.0
#: Characters of the arguments; there may be ten thousand images.
_SHOWN: Final = 500


class TakeSubmissions(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Consumer bootstep: answers the messages on `vedette.submit`, twice a second."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        settings = load_settings()
        self._node = consumer.hostname
        self._redis = connect(settings, patient=False)
        self._submissions = Submissions(self._redis, settings)
        registry = Registry(self._redis, settings)
        blobs = Blobs(connect(settings, patient=False, binary=True), settings)
        self._submitter = Submitter(
            consumer.app, Ledger(self._redis, settings), registry, self._submissions, settings, blobs
        )
        self._dispatcher: Any = None
        self._timer: Any = None
        self._stuck = False

    def start(self, consumer: Any) -> None:
        self._dispatcher = consumer.event_dispatcher
        self._timer = consumer.timer.call_repeatedly(_EVERY_S, self._look)

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        try:
            # A worker that offers nothing yet would answer that nobody can run the model.
            if not self._submissions.waiting() or not self._redis.exists(keys.advert(self._node)):
                return
            with self._redis.lock(keys.SUBMITTER_LOCK, timeout=_LOCK_S, blocking=False):
                self._answer()
        except LockError:
            pass  # another worker is at it
        except (*RedisTrouble, NotYet) as error:
            if not self._stuck:
                logger.warning("submissions wait: %s", error)
            self._stuck = True
        else:
            self._stuck = False

    def _answer(self) -> None:
        until = time.monotonic() + _SLICE_S
        while time.monotonic() < until and (element := self._submissions.oldest()) is not None:
            begun_s = time.monotonic()
            answered = self._submitter.answer(element)
            self._submissions.drop(element)
            if answered is not None:
                self._tell(answered, time.monotonic() - begun_s)

    def _tell(self, answered: Answered, runtime_s: float) -> None:
        """Flower sees a task of Celery's, for its sender thinks that it is one."""
        call, send = answered.call, self._dispatcher.send
        about = {
            "name": call.task,
            "args": "()",
            "kwargs": redact(saferepr(call.kwargs, maxlen=_SHOWN)),
            "root_id": call.id,
        }
        send("task-received", uuid=call.id, retries=0, eta=None, expires=None, parent_id=None, **about)
        send("task-started", uuid=call.id)
        if answered.error is None:
            send("task-succeeded", uuid=call.id, result=answered.result, runtime=runtime_s)
        else:
            send("task-failed", uuid=call.id, exception=answered.error, traceback="")
