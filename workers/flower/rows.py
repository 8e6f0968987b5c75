"""What Flower's rows say of a task. Given Flower's own copy of it, so that nothing it knows is changed. Pure."""

import ast
from typing import Any, Final

from contract.doorbell import told
from contract.messages import DETECT_TASK, DetectMessage, read_message
from contract.redact import redact

#: What a task has that was rung for by an older Vedette, or by nobody of ours.
_NO_ARGS: Final = frozenset({None, "", "()", "[]"})
_TEXTS: Final = ("args", "kwargs", "result", "exception", "traceback")


def format_task(task: Any) -> Any:
    """For Flower's option of this name: what the doorbell tells, in the columns that it belongs in, and no secrets.

    A cell shows some fifty characters: model, images, batch and attempt in `args`, the verdict before in `exception`,
    where no event has told more, and the queue in `routing_key`.
    """
    if task.name == DETECT_TASK:
        line = _line(task) if task.args in _NO_ARGS else task.args
        before, semicolon, where = (line or "").rpartition("; ")
        if semicolon:
            task.args, _, after = before.partition(" after ")
            task.exception = task.exception or after or None
            task.routing_key = where.partition(", ")[0]
    for name in _TEXTS:
        text = getattr(task, name, None)
        if isinstance(text, str):
            setattr(task, name, redact(text))
    return task


def _line(task: Any) -> str | None:
    """As the doorbell would say it; None when its keyword arguments are not to be read."""
    try:
        message = read_message(DetectMessage, ast.literal_eval(task.kwargs or ""))
    except Exception:  # whatever lies there: it is shown as it is
        return None
    return told(message, task.routing_key or "queue unknown", (task.retries or 0) + 1)
