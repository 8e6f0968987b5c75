"""How processes of Vedette log: for people on a terminal, as JSON lines elsewhere. One line per event of a task.

Whoever has something to say of a task says it with `tell`: a sentence for people, an event and its fields for machines.
How lines look is decided where a process begins, by `dress` on the handlers that it has: Celery's in a worker, our own
in the gateway. In a library nothing is set up: `tell` is a call of Python's logging like any other.
"""

import logging
import sys
from collections.abc import Iterable
from typing import Any, Final, Literal

from contract.redact import redact

#: What becomes of a task, a job or a message. A word never changes its meaning; docs/monitoring.md says each one's.
Event = Literal[
    "job_submitted",
    "submission_accepted",
    "submission_rejected",
    "message_refused",
    "bell_answered",
    "bell_rung_again",
    "attempt_begun",
    "attempt_done",
    "attempt_stopped",
    "handed_back",
    "put_back",
    "shrunk",
    "coarsened",
    "moved",
    "dead",
]
Look = Literal["auto", "text", "json"]

_TEXT: Final = "[%(asctime)s: %(levelname)s] %(message)s"
#: Attributes that Celery and uvicorn leave on records, which say again what the message says.
_OF_OTHERS: Final = frozenset({"data", "color_message", "task_id", "task_name"})


def tell(logger: logging.Logger, level: int, event: Event, text: str, *args: Any, **fields: Any) -> None:
    """Logs `text % args` with the event and its `fields`; those that are None are left out.

    Names of fields are those of the messages: job, task, attempt, verdict, model, queue, batch_size, images, worker.
    """
    extra = {name: value for name, value in fields.items() if value is not None}
    logger.log(level, text, *args, extra={"event": event, **extra}, stacklevel=2)


def dress(handlers: Iterable[logging.Handler], look: Look) -> None:
    """Makes lines look as `look` says, `auto`: as befits where they go, and keeps secrets out of them."""
    for handler in handlers:
        if not any(isinstance(kept, _NoSecrets) for kept in handler.filters):
            handler.addFilter(_NoSecrets())
        if look == "json" or (look == "auto" and not _is_terminal(handler)):
            handler.setFormatter(_json_formatter())


def set_up(look: Look, level: int = logging.INFO) -> None:
    """For a process whose logging nobody else sets up: lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_TEXT))
    dress([handler], look)
    logging.basicConfig(level=level, handlers=[handler])


class _NoSecrets(logging.Filter):
    """On a handler, so that whatever is logged passes it: messages of libraries, and their exceptions too."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text, record.exc_info = redact(logging.Formatter().formatException(record.exc_info)), None
        return True


def _is_terminal(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    return stream is not None and bool(stream.isatty())


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    class Formatter(JsonFormatter):
        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            return {name: redact(value) if isinstance(value, str) else value for name, value in log_data.items()}

    return Formatter(
        ["levelname", "name", "processName", "message"],
        rename_fields={"levelname": "level", "name": "logger", "processName": "process", "exc_info": "error"},
        reserved_attrs=[*RESERVED_ATTRS, *_OF_OTHERS],
        timestamp="time",
        json_ensure_ascii=False,
        json_default=str,
    )
