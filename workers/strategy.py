"""Looks at the body of a task message before Celery does; its envelope was looked at before (`workers.envelope`).

Stock Celery 5.7 unpacks the body in the event loop. Of the wrong shape, it ends the worker and goes back to its queue:
one push would end every worker of a fleet, one after the other.
"""

from collections.abc import Callable
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.worker.strategy import default


def doorbells_only(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """A Celery strategy: what becomes of a message for `task`. InvalidTaskError goes to `Consumer.on_invalid_task`."""
    handle = default(task, app, consumer, **options)

    def handle_doorbell(message: Any, *rest: Any, **more: Any) -> Any:
        flaw = flaw_of_body(message.payload)
        if flaw is not None:
            raise InvalidTaskError(flaw)
        return handle(message, *rest, **more)

    return handle_doorbell


def flaw_of_body(body: Any) -> str | None:
    """Why `body`, decoded, is none of Celery's protocol 2; None when it is one. Its fields are the task's business."""
    if not isinstance(body, list) or len(body) != 3:
        return "its body is no list of args, kwargs and embed"
    args, kwargs, embed = body
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embed, dict | None):
        return "its body is no list of a list, an object and an object"
    if any((embed or {}).values()):
        return "it carries callbacks, which a doorbell has no use for"
    return None
