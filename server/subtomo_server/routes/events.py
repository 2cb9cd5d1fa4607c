"""A job's events: live (Server-Sent Events) or as a list."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_server.deps.dependencies import NeedServices, NeedSignIn, Services
from subtomo_server.jobs.schemas import EventDocument, EventPage
from subtomo_store.database.records import Event
from subtomo_store.errors import NotFoundError
from subtomo_store.jobs import events, jobs
from subtomo_store.people import access
from subtomo_store.people.access import SignIn

router = APIRouter(prefix="/jobs", tags=["jobs"])
POLL_SECONDS = 0.25
PING_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
MOST_AT_ONCE = 500
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events, or with `Accept: application/json` a page of them.",
        "content": {
            "text/event-stream": {"schema": {"type": "string"}},
            "application/json": {"schema": EventPage.model_json_schema(mode="serialization")},
        },
    },
    204: {"description": "The job has ended and everything was told."},
}
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Tell only what came after this one.")
]


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses=DESCRIBED,
)
def follow(
    *,
    services: NeedServices,
    sign_in: NeedSignIn,
    request: Request,
    job_id: str,
    last_event_id: LastEventId = None,
    cursor: Annotated[int | None, Query(ge=0, description="For lists: the last id.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 100,
) -> Response:
    """Everything that happened, from the beginning or after ``Last-Event-ID``, then live.

    The stream ends after the job's last event. Each event's data is one JSON object with
    ``id``, ``time``, ``kind`` (status, progress, iteration, note, alarm) and ``data``.
    """
    # A browser comes back with both: the address it began with, and what it saw last.
    after = max(cursor or 0, _number(last_event_id))
    with services.store.read() as session:
        job = jobs.get(session, job_id, sign_in.user.id)
        rows = events.after(session, job_id, after, limit + 1)
    if wants_list(request.headers.get("accept", "")):
        return JSONResponse(_page(rows, limit).model_dump(mode="json"))
    if job.terminal and not rows:
        return Response(status_code=204)  # tells a browser not to come back
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return EventSourceResponse(_stream(services, sign_in, job_id, after), headers=headers)


def wants_list(accept: str) -> bool:
    """Whether JSON is wanted rather than a stream; the stream is the default."""
    return "application/json" in accept and "text/event-stream" not in accept


def _number(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    if not last_event_id.isdigit() or len(last_event_id) > 18:
        raise InputError(Problem(f"Last-Event-ID must be a number, got '{last_event_id[:40]}'"))
    return int(last_event_id)


def _page(rows: list[Event], limit: int) -> EventPage:
    items = [EventDocument.model_validate(row) for row in rows[:limit]]
    return EventPage(items=items, cursor=str(items[-1].id) if len(rows) > limit else None)


async def _stream(
    services: Services, sign_in: SignIn, job_id: str, after: int
) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=RETRY_MILLISECONDS, comment="follow")
    told = time.monotonic()
    while not services.stopping.is_set():
        rows, over = await services.reads.ask(partial(_read, sign_in, job_id, after))
        for row in rows:
            after, told = row.id, time.monotonic()
            yield _encoded(row)
        if over:
            return
        if time.monotonic() - told > PING_SECONDS:
            told = time.monotonic()
            yield KEEPALIVE_COMMENT
        if len(rows) < MOST_AT_ONCE:
            await anyio.sleep(POLL_SECONDS)


def _read(sign_in: SignIn, job_id: str, after: int, session: Session) -> tuple[list[Event], bool]:
    """Read the next events, and whether none follow.

    None do when the job has ended (until somebody resumes it) or is gone, or the follower may not
    see it any longer.
    """
    if not access.still_valid(session, sign_in.token.id):
        return [], True
    try:
        ended = jobs.get(session, job_id, sign_in.user.id).terminal
    except NotFoundError:
        return [], True
    rows = events.after(session, job_id, after, MOST_AT_ONCE)
    return rows, ended and len(rows) < MOST_AT_ONCE


def _encoded(row: Event) -> bytes:
    data = EventDocument.model_validate(row).model_dump(mode="json")
    return format_sse_event(
        id=str(row.id), event=row.kind, data_str=json.dumps(data, separators=(",", ":"))
    )
