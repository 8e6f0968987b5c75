"""Jobs whose images come one after the other: references as lines, which go on to the ledger as they come, or the files
themselves as a form, of which a job is made when all are there.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from contract.blobs import digest_of
from contract.routing import route
from producer.arguments import Image
from producer.errors import InvalidArgument
from producer.gateway.api_keys import ApiKey
from producer.gateway.backend import Backend
from producer.gateway.body_kinds import FORM, LINES
from producer.gateway.brought import Brought
from producer.gateway.form import items_of, parts
from producer.gateway.idempotency import Pulse, once_read
from producer.gateway.lines import job_of_lines
from producer.gateway.quota import Share
from producer.gateway.schemas import JobRequest, JobSettings, JobView, NamedImage, ref_to
from producer.job import Job

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
            FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "job": ref_to(JobSettings),
                        "images": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "description": "Files, each as a part of its own; its name is that of the image",
                        },
                    },
                    "required": ["job", "images"],
                },
                "encoding": {"job": {"contentType": "application/json"}},
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
    pulse = Pulse()
    settings, images = job_of_lines(pulse.over(pieces), asked.limits, asked.settings.image_policy)
    hashed = hashlib.sha256(f"lines {settings.model_dump_json()}".encode())

    def noted() -> Iterator[tuple[str, str]]:
        for image in images:
            hashed.update(repr(image).encode())
            yield image

    read = noted()
    return once_read(asked, key, name, hashed, read, partial(_submitted, asked, caller, settings, read), pulse)


def submit_form(
    asked: Backend, caller: ApiKey | None, key: str | None, name: str, content_type: str, pieces: Iterator[bytes]
) -> tuple[str, bool]:
    """As `submit_lines`. Holds one file at a time; files for which there is no job after all are forgotten again."""
    asked.check_uploads()
    hashed = hashlib.sha256(b"form")
    file_bytes = min(asked.limits.body_bytes, asked.settings.image_bytes_max)
    pulse = Pulse()
    found = parts(pulse.over(pieces), content_type, file_bytes=file_bytes, field_bytes=asked.limits.line_bytes)

    def noted() -> Iterator[JobSettings | tuple[str, bytes]]:
        for item in items_of(found, asked.limits):
            told = item.model_dump_json() if isinstance(item, JobSettings) else (item[0], digest_of(item[1]))
            hashed.update(repr(told).encode())
            yield item

    read = noted()
    return once_read(asked, key, name, hashed, read, partial(_uploaded, asked, caller, read), pulse)


def _uploaded(asked: Backend, caller: ApiKey | None, items: Iterator[JobSettings | tuple[str, bytes]]) -> str:
    share, settings, images = Share(asked, caller), None, list[Image]()
    with Brought(asked) as brought:
        for item in items:
            if isinstance(item, JobSettings):
                settings = item
                # Better told before the files than after them.
                spec, fleet = asked.known(settings.model)
                route(spec, fleet, allow_waiting=settings.allow_waiting)
            else:
                share.take()
                images.append((item[0], brought.add(item[1])))
        if settings is None:
            raise InvalidArgument('job: expected a part with this name, such as {"model": "defects-small"}')

        def begun(job: Job) -> None:
            brought.keep()
            share.begin(job)

        job = asked.client.submit(images, **settings.options, on_created=begun)
    asked.counters.submitted(share.taken)
    return JobView.of(job.status()).model_dump_json()


def _submitted(asked: Backend, caller: ApiKey | None, settings: JobSettings, images: Iterator[Image]) -> str:
    share = Share(asked, caller)

    def admitted() -> Iterator[Image]:
        for image in images:
            share.take()
            yield image

    job = asked.client.submit(admitted(), **settings.options, on_created=share.begin)
    asked.counters.submitted(share.taken)
    return JobView.of(job.status()).model_dump_json()
