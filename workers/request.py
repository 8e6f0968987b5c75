"""Celery's view of one doorbell in the main process: sees the death of the slot that has it.

`Task.Request` is Celery's own extension point. Stock behaviour is to mark the task failed, or to push the same message
back for ever (celery/celery#9082); here the ledger decides what follows, and Flower sees a RETRY of the same id.
"""

from typing import Any

from billiard.exceptions import WorkerLostError
from celery.utils.log import get_logger
from celery.worker.request import Request
from celery.worker.state import task_ready
from kombu.utils.encoding import safe_repr

from contract import tracing
from workers.closing import Settled
from workers.steps.undertake import undertaker

logger = get_logger(__name__)


class DoorbellRequest(Request):  # type: ignore[misc]  # Celery has no types
    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if not isinstance(error, WorkerLostError | MemoryError):
            return super().on_failure(exc_info, send_failed_event, return_ok)
        # A MemoryError that left the task would end the whole worker (celery/worker/request.py, on_failure).
        task_ready(self)
        self.acknowledge()
        with tracing.continued(self.request_dict):  # the attempt after this one belongs to the same trace
            if isinstance(error, MemoryError):
                settled = undertaker().memory_ran_out(self.id, str(error))
            else:
                settled = undertaker().slot_died(self.id, self.worker_pid, str(error))
        self._tell(settled, error)
        return None

    def _tell(self, settled: Settled | None, error: BaseException) -> None:
        if settled is not None and settled.put_back:
            self.send_event("task-retried", exception=settled.text, traceback="")
        else:
            text = settled.text if settled is not None else safe_repr(error)
            self.send_event("task-failed", exception=text, traceback="")
