"""What a receiver is told: that a job has ended, how, and where to look. No results. Pure."""

import json
from datetime import UTC, datetime
from typing import Final

from contract.ledger import JobState, Notice

#: State of an ended job → type of the event.
TYPES: Final[dict[JobState, str]] = {"done": "job.completed", "stopped": "job.stopped", "cancelled": "job.cancelled"}


def payload(notice: Notice) -> bytes:
    """UTF-8 JSON, the same bytes for each attempt. Links are paths of the gateway, which does not know its address."""
    place = f"/v1/jobs/{notice.job}"
    told = {
        "type": TYPES[notice.state],
        "timestamp": _text(notice.finished_ms),
        "data": {
            "job": notice.job,
            "state": notice.state,
            "model": notice.model,
            "total": notice.total,
            "succeeded": notice.succeeded,
            "failed": notice.failed,
            "created": _text(notice.created_ms),
            "finished": _text(notice.finished_ms),
            "links": {"job": place, "results": f"{place}/results"},
        },
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _text(epoch_ms: int) -> str:
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
