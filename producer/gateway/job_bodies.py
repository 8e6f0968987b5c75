"""Jobs whose images come one after the other, and go on to the ledger as they come."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from producer.arguments import Image
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Backend
from producer.gateway.body_kinds import LINES
from producer.gateway.idempotency import once_read
from producer.gateway.lines import job_of_lines
from producer.gateway.quota import Share
from producer.gateway.schemas import JobRequest, JobSettings, JobView, NamedImage, ref_to

_LINES_EXAMPLE: Final = """\
{"model":"defects-small","min_score":0.3}
"/images/plate-01.png"
{"name":"gate-7","uri":"/images/plate-02.png"}
"""

#: What OpenAPI says of the bodies, which the endpoint reads by itself.
BODIES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": ref_to(JobRequest)},
            LINES: {
                # What OpenAPI from 3.2 on says of such: a sequence is described as the array that its lines would be.
                "schema": {
                    "type": "array",
                    "prefixItems": [ref_to(JobSettings)],
                    "items": {"anyOf": [{"type": "string"}, ref_to(NamedImage)]},
                    "minItems": 2,
                    "description": "The options, then images; each is a line",
                },
                "example": _LINES_EXAMPLE,
            },
        },
    }
}


def submit_lines(
    asked: Backend, caller: ApiKey | None, key: str | None, name: str, pieces: Iterator[bytes]
) -> tuple[str, bool]:
    """The answer, and whether it was given before. Blocks for as long as lines come; holds a task's worth of them.

    Whatever is wrong with a line or with its sender, the job is cancelled before the error is told.
    """
    settings, images = job_of_lines(pieces, asked.limits, asked.settings.image_policy)
    hashed = hashlib.sha256(f"lines {settings.model_dump_json()}".encode())

    def noted() -> Iterator[tuple[str, str]]:
        for image in images:
            hashed.update(repr(image).encode())
            yield image

    read = noted()
    return once_read(asked, key, name, hashed, read, lambda step: _submitted(asked, caller, settings, read, step))


def _submitted(
    asked: Backend, caller: ApiKey | None, settings: JobSettings, images: Iterator[Image], step: Callable[[], None]
) -> str:
    share = Share(asked, caller)

    def admitted() -> Iterator[Image]:
        for image in images:
            share.take()
            step()
            yield image

    job = asked.client.submit(admitted(), **settings.options, on_created=share.begin)
    asked.counters.submitted(share.taken)
    return JobView.of(job.status()).model_dump_json()
