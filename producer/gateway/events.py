"""`/v1/jobs/{id}/events`: how far a job is, as server-sent events.

An event's id is what it tells (`done.failed.total.state`), so that a browser that comes back with `Last-Event-ID` is
told only what is new; once a job has ended and it knows, 204 tells it to stop coming back.
"""

import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Header
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response, StreamingResponse

from contract.errors import VedetteError
from contract.ledger import JobStatus
from producer.gateway import threads
from producer.gateway.backend import Asked, Backend, JobId
from producer.gateway.errors import ErrorBody, answers, public_text
from producer.gateway.schemas import JobView
from producer.polling import Pace

router: Final = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_HEARTBEAT_S: Final = 15.0
_EVENTS: Final = {
    "description": "Events `progress`, the last one `end`; their data is what `GET /v1/jobs/{id}` answers",
    "content": {"text/event-stream": {}},
}


@router.get(
    "/{job_id}/events",
    responses={200: _EVENTS, 204: {"description": "The job has ended, as you know"}, **answers(404, 429, 503)},
    response_class=StreamingResponse,
    summary="Progress, as server-sent events",
)
async def events(
    job_id: JobId, asked: Asked, last_event_id: Annotated[str | None, Header(max_length=100)] = None
) -> Response:
    """One event now, one with each change, and `end` when the job has ended."""
    status = await threads.call(lambda: asked.status(job_id))
    if status.ended and last_event_id == event_id(status):
        return Response(status_code=204)
    asked.check_streams()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = _progress(status, last_event_id, asked)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def event_id(status: JobStatus) -> str:
    return f"{status.done}.{status.failed}.{status.total}.{status.state}"


def event(status: JobStatus) -> bytes:
    name = "end" if status.ended else "progress"
    return format_sse_event(data_str=JobView.of(status).model_dump_json(), event=name, id=event_id(status))


async def _progress(status: JobStatus, known: str | None, asked: Backend) -> AsyncIterator[bytes]:
    pace, told_at = Pace(), time.monotonic()
    try:
        with asked.one_stream():
            while True:
                if event_id(status) != known:
                    known, told_at = event_id(status), time.monotonic()
                    pace.news()
                    yield event(status)
                elif time.monotonic() - told_at > _HEARTBEAT_S:
                    told_at = time.monotonic()
                    yield KEEPALIVE_COMMENT
                if status.ended:
                    return
                await anyio.sleep(pace.pause_s())
                status = await threads.call(partial(asked.status, status.job))
    except VedetteError as error:
        body = ErrorBody(code=error.code, message=public_text(error))
        yield format_sse_event(data_str=body.model_dump_json(), event="error")
