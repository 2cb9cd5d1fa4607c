"""Jobs: post, follow, cancel, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from subtomo_core.spec.checks import remarks
from subtomo_server.auth.accounts import check_still_valid
from subtomo_server.deps.dependencies import (
    Cursor,
    Limit,
    NeedDigest,
    NeedServices,
    NeedSignIn,
    NeedStore,
    NeedUser,
)
from subtomo_server.deps.waiting import wait_for, wanted_wait
from subtomo_server.http.documents import Fault
from subtomo_server.http.downloads import unchanged
from subtomo_server.jobs.documents import document, documents
from subtomo_server.jobs.estimates import estimate as estimate_job
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.posting import check_priority, make, wanted
from subtomo_server.jobs.recent import Told
from subtomo_server.jobs.schemas import Estimate, JobChanges, JobDocument, JobPage, Validation
from subtomo_store.database.records import Answer, JobStatus, Message
from subtomo_store.jobs import idempotency, jobs

router = APIRouter(prefix="/jobs", tags=["jobs"])
EXAMPLES: dict[str, Any] = {
    "the least": {"value": {"dataset": "ds_...", "algorithm": "faml"}},
    "two classes": {
        "value": {
            "name": "GroEL first look",
            "dataset": "ds_...",
            "algorithm": "faml",
            "classes": 2,
            "iterations": 20,
            "seed": 1,
            "start": {"kind": "random"},
            "symmetry": ["D7", "C1"],
            "mask": {"diameter_angstrom": 200},
            "resolution": {"start_angstrom": 60},
            "parameters": {"candidates": 50},
            "priority": 40,
            "webhook": "https://lab.example.org/subtomo",
        }
    },
}
Specification = Annotated[PostedJob, Body(openapi_examples=EXAMPLES)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text of yours: the same key and body make one job, however often sent.",
    ),
]


@router.post("", status_code=201, summary="Start a job", response_model=JobDocument)
def create(
    services: NeedServices,
    user: NeedUser,
    digest: NeedDigest,
    spec: Specification,
    key: Key = None,
) -> Response:
    """Only ``dataset`` and ``algorithm`` are required; the answer shows every default.

    With an ``Idempotency-Key`` a repeated request gets the first answer again.
    """
    messages: list[Message] = []

    def write(session: Session) -> Answer:
        made = make(session, services.store, user, wanted(session, services.store, user, spec))
        messages.extend(made.messages)
        told = document(session, made.job, services.store.settings)
        return Answer(201, told.model_dump(mode="json"))

    if key is None:
        with services.store.begin() as session:
            answer = write(session)
    else:
        answer, repeated = idempotency.once(services.store, user.id, key, digest, write)
        if repeated:
            messages.clear()
    services.bell.ring(messages)
    location = f"/api/v1/jobs/{answer.response['id']}"
    return JSONResponse(answer.response, answer.status, headers={"Location": location})


@router.post("/validate", summary="Check a specification")
def validate(store: NeedStore, user: NeedUser, spec: Specification) -> Validation:
    """Check the specification as posting it would, and show it with every default; no job."""
    with store.read() as session:
        found = wanted(session, store, user, spec)
    remarked = [Fault(**p._asdict()) for p in remarks(found.spec, found.dataset.summary)]
    return Validation(valid=True, spec=found.spec.model_dump(mode="json"), remarks=remarked)


@router.post("/estimate", summary="Estimate time, memory and disk")
def estimate(store: NeedStore, user: NeedUser, spec: Specification) -> Estimate:
    """Tell roughly what the job would need on one worker like this machine."""
    with store.read() as session:
        found = wanted(session, store, user, spec)
    return estimate_job(found.spec, found.dataset.summary, store.settings.threads)


@router.get("", summary="List jobs, newest first")
def list_page(
    *,
    store: NeedStore,
    user: NeedUser,
    status: Annotated[JobStatus | None, Query()] = None,
    dataset: Annotated[str | None, Query(description="Only jobs on this dataset.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobPage:
    """Your jobs and your groups'; pass ``cursor`` on for the next page."""
    with store.read() as session:
        page = jobs.page(
            session, user.id, status=status, dataset_id=dataset, limit=limit, cursor=cursor
        )
        items = documents(session, page.items, store.settings)
    return JobPage(items=items, cursor=page.cursor)


@router.get("/{job_id}", summary="One job", response_model=JobDocument)
async def get(
    services: NeedServices, sign_in: NeedSignIn, request: Request, job_id: str
) -> Response:
    """Status and progress, with an ETag.

    With ``If-None-Match`` and ``Prefer: wait=N`` the answer comes when something changed, or
    after N seconds as 304.
    """
    known = request.headers.get("if-none-match") is not None
    waited = False

    def look(session: Session) -> Told:
        nonlocal waited
        if waited:  # authentication has looked just now
            check_still_valid(session, sign_in)
        waited = True
        job = jobs.get(session, job_id, sign_in.user.id)
        return services.recent.told(session, job, services.store.settings)

    def worth_telling(told: Told) -> bool:
        return told.over if not known else not unchanged(request, told.etag)

    told = await wait_for(services, look, worth_telling, wanted_wait(request))
    headers = {"etag": told.etag}
    if unchanged(request, told.etag):
        return Response(status_code=304, headers=headers)
    return Response(told.body, media_type="application/json", headers=headers)


@router.patch("/{job_id}", summary="Change a job")
def change(store: NeedStore, user: NeedUser, job_id: str, changes: JobChanges) -> JobDocument:
    """Give the job another name or priority, or hand it to a group.

    The priority may be as high as you may give when posting; it counts from the next batch on.
    """
    with store.begin() as session:
        changed = jobs.get(session, job_id, user.id, "editor")
        if changes.name is not None:
            changed = jobs.rename(session, job_id, user.id, changes.name)
        if changes.priority is not None:
            check_priority(session, store, user, changes.priority)
            changed = jobs.set_priority(session, job_id, user.id, changes.priority)
        if "group" in changes.model_fields_set:
            changed = jobs.move_to_group(session, job_id, user.id, changes.group)
        return document(session, changed, store.settings)


@router.post("/{job_id}/cancel", status_code=202, summary="Cancel a job")
def cancel(store: NeedStore, user: NeedUser, job_id: str) -> JobDocument:
    """Stop at the next particle; what is finished stays. Asking twice does no harm."""
    with store.begin() as session:
        return document(session, jobs.cancel(session, job_id, user.id), store.settings)


@router.delete("/{job_id}", status_code=204, summary="Delete a job and its files")
def delete(store: NeedStore, user: NeedUser, job_id: str) -> None:
    """Delete a finished job; one that still runs has to be cancelled first."""
    with store.begin() as session:
        jobs.remove(session, job_id, user.id)
    store.files.delete_job(job_id)
