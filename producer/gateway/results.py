"""`/v1/jobs/{id}/results`: one JSON object a line, as they complete, and a line that says where to go on.

    {"index": 0, "image": "/images/a.jpg", …}             an ImageResult, and which image of the submission it is
    {"cursor": 1, "state": "open", "done": 1, "total": 2}  after some of them, and last of all

Whoever was cut off asks again with the last cursor that came; what was read after it comes again, and so may an image
that was put back. The later line counts.
"""

import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from contract.errors import VedetteError
from contract.ledger import JobStatus
from contract.messages import ImageResult
from producer.gateway import threads
from producer.gateway.backend import Asked, Backend, JobId
from producer.gateway.errors import answers, public_text
from producer.job import Job, Update

router: Final = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MEDIA_TYPE: Final = "application/x-ndjson"
_DEFAULT_LIMIT: Final = 1000
#: A stream that has nothing to say repeats its cursor, so that proxies and callers see that it lives.
_HEARTBEAT_S: Final = 15.0
#: Places are list indexes in Redis: more than 2⁶³ are none.
_CURSOR_MAX: Final = 2**53

_EXAMPLE: Final = (
    '{"index":0,"image":"/images/a.jpg","width":640,"height":480,"model":"defects-small@1","detections":[],'
    '"worker":"small@yard","batch_size":8,"attempts":1,"degraded":null}\n'
    '{"cursor":1,"state":"done","done":1,"total":1}\n'
)
_LINES: Final[dict[str, Any]] = {
    "description": "One JSON object a line; the last one has the cursor",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    "headers": {"Vedette-Cursor": {"schema": {"type": "integer"}, "description": "Where to go on; not with follow"}},
}


@router.get(
    "/{job_id}/results",
    responses={200: _LINES, **answers(404, 429, 503)},
    response_class=StreamingResponse,
    summary="Results, as they complete",
)
async def results(
    job_id: JobId,
    asked: Asked,
    cursor: Annotated[int, Query(ge=0, le=_CURSOR_MAX, description="Where to go on reading; 0: from the first")] = 0,
    limit: Annotated[
        int | None, Query(ge=1, description="Results to stop after; null: 1000, and none with follow")
    ] = None,
    follow: Annotated[bool, Query(description="Go on until the job has ended")] = False,
) -> StreamingResponse:
    """NDJSON. Without `follow`, what is there now. With it, lines come until the job has ended."""
    if follow:
        asked.check_streams()
        job = await threads.call(lambda: asked.client.job(job_id))
        # A Job looks at every place before the cursor, and would at those that are none.
        cursor = min(cursor, await threads.call(lambda: asked.places(job_id)))
        return StreamingResponse(_followed(job, cursor, limit, asked), media_type=MEDIA_TYPE)
    count = min(limit or _DEFAULT_LIMIT, asked.limits.results)
    # In this order: what a job has when its end has been seen is all that it will have.
    status = await threads.call(lambda: asked.status(job_id))
    page = await threads.call(lambda: asked.page(job_id, cursor, count))
    body = [*result_lines(page.results), cursor_line(page.cursor, status)]
    return StreamingResponse(
        iter(body), media_type=MEDIA_TYPE, headers={"Vedette-Cursor": str(page.cursor), "Cache-Control": "no-store"}
    )


def result_lines(results: Iterable[tuple[int, ImageResult]]) -> Iterator[str]:
    for index, result in results:
        yield f'{{"index":{index},{result.model_dump_json()[1:]}\n'


def cursor_line(cursor: int, status: JobStatus) -> str:
    told = {"cursor": cursor, "state": status.state, "done": status.done, "total": status.total}
    return json.dumps(told, separators=(",", ":")) + "\n"


def error_line(error: VedetteError) -> str:
    """Instead of the last cursor, for the status went out long ago."""
    return json.dumps({"code": error.code, "message": public_text(error)}) + "\n"


def follow_lines(updates: Iterable[Update], limit: int | None) -> Iterator[str]:
    """The lines of a stream, some together. An empty string: nothing to send, but a moment to stop at."""
    given, told_at = 0, time.monotonic()
    for update in updates:
        lines = "".join(result_lines(update.results))
        given += len(update.results)
        over = limit is not None and given >= limit
        if lines or over or update.status.ended or time.monotonic() - told_at > _HEARTBEAT_S:
            lines += cursor_line(update.cursor, update.status)
            told_at = time.monotonic()
        yield lines
        if over:
            return


async def _followed(job: Job, cursor: int, limit: int | None, asked: Backend) -> AsyncIterator[str]:
    try:
        with asked.one_stream():
            async for lines in threads.each(follow_lines(job.watch(cursor), limit), asked.streams):
                if lines:
                    yield lines
    except VedetteError as error:
        yield error_line(error)
