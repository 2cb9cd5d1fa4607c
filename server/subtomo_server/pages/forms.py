"""What the forms of the pages send. Authentication has checked that they come from our pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_core.errors import InputError, SubtomoError
from subtomo_server.deps.dependencies import NeedServices, NeedStore, NeedUser, Services
from subtomo_server.http.problems import kind_of
from subtomo_server.http.words import read_number
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.posting import check_priority, make, wanted
from subtomo_server.pages.fields import fields_of, texts_of
from subtomo_server.pages.job_form import body_of, by_field, checked, defaults_of
from subtomo_server.pages.views import render_dataset, render_job
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Job
from subtomo_store.datasets import datasets, removal
from subtomo_store.errors import ConflictError
from subtomo_store.jobs import jobs

router = APIRouter(include_in_schema=False)


@router.post("/datasets/{dataset_id}/jobs")
async def start(
    services: NeedServices, user: NeedUser, request: Request, dataset_id: str
) -> Response:
    """Start a job, or show the form again with all that is wrong."""
    entered = await texts_of(request)
    problems: tuple[str, ...] = ()
    status = 422
    try:
        job = await run_in_threadpool(_start, services, user, body_of(dataset_id, entered))
    except (ValidationError, InputError):
        pass  # the form finds out by itself
    except SubtomoError as error:
        problems, status = (str(error),), kind_of(error).status
    else:
        return RedirectResponse(f"/jobs/{job.id}", status_code=303)
    return await run_in_threadpool(
        render_dataset,
        services.store,
        user,
        request,
        dataset_id,
        status=status,
        problems=problems,
        entered=entered,
    )


@router.post("/datasets/{dataset_id}/jobs/check")
async def check(
    services: NeedServices, user: NeedUser, request: Request, dataset_id: str
) -> dict[str, Any]:
    """Tell what starting the job would come to: problems, remarks and defaults by the fields."""
    entered = await texts_of(request)

    def look() -> dict[str, Any]:
        with services.store.read() as session:
            datasets.get(session, dataset_id, user.id, "editor")
            run = checked(session, services.store, user, dataset_id, entered)
        return {
            "problems": by_field(run.problems),
            "remarks": by_field(run.remarks),
            "defaults": defaults_of(run.spec),
            "estimate": run.estimate,
        }

    return await run_in_threadpool(look)


@router.post("/datasets/{dataset_id}/group")
async def move_dataset(
    store: NeedStore, user: NeedUser, request: Request, dataset_id: str
) -> Response:
    """Hand a dataset to a group, or back to its maker alone."""
    group = await _group(request)
    await run_in_threadpool(_move, store, datasets.move_to_group, dataset_id, user, group)
    return RedirectResponse(f"/datasets/{dataset_id}", status_code=303)


@router.post("/datasets/{dataset_id}/delete")
def delete_dataset(store: NeedStore, user: NeedUser, request: Request, dataset_id: str) -> Response:
    """Delete a dataset from its page, or say why it cannot be."""
    try:
        removal.remove_dataset(store, dataset_id, user.id)
    except ConflictError as error:
        problems, status = (str(error),), kind_of(error).status
        return render_dataset(store, user, request, dataset_id, status=status, problems=problems)
    return RedirectResponse("/", status_code=303)


@router.post("/jobs/{job_id}/group")
async def move_job(store: NeedStore, user: NeedUser, request: Request, job_id: str) -> Response:
    """Hand a job to a group, or back to its maker alone."""
    group = await _group(request)
    await run_in_threadpool(_move, store, jobs.move_to_group, job_id, user, group)
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)


@router.post("/jobs/{job_id}/priority")
async def prioritise(store: NeedStore, user: NeedUser, request: Request, job_id: str) -> Response:
    """Give a job another priority, or say why it cannot be."""
    text = (await fields_of(request)).get("priority", "").strip()
    try:
        await run_in_threadpool(_prioritise, store, user, job_id, text)
    except (InputError, ConflictError) as error:
        problems, status = (str(error),), kind_of(error).status
        return await run_in_threadpool(
            render_job, store, user, request, job_id, status=status, problems=problems
        )
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)


@router.post("/jobs/{job_id}/cancel")
def cancel(store: NeedStore, user: NeedUser, job_id: str) -> Response:
    """Cancel a job from its page."""
    with store.begin() as session:
        jobs.cancel(session, job_id, user.id)
    return RedirectResponse(f"/jobs/{job_id}", status_code=303)


@router.post("/jobs/{job_id}/delete")
def delete(store: NeedStore, user: NeedUser, job_id: str) -> Response:
    """Delete a finished job from its page."""
    with store.begin() as session:
        jobs.remove(session, job_id, user.id)
    store.files.delete_job(job_id)
    return RedirectResponse("/", status_code=303)


async def _group(request: Request) -> str | None:
    return (await fields_of(request)).get("group") or None


def _move(
    store: Store,
    move: Callable[[Session, str, str, str | None], object],
    record_id: str,
    user: User,
    group: str | None,
) -> None:
    with store.begin() as session:
        move(session, record_id, user.id, group)


def _prioritise(store: Store, user: User, job_id: str, text: str) -> None:
    with store.begin() as session:
        jobs.get(session, job_id, user.id, "editor")
        priority = read_number(text, 100)
        check_priority(session, store, user, priority)
        jobs.set_priority(session, job_id, user.id, priority)


def _start(services: Services, user: User, body: dict[str, Any]) -> Job:
    posted = PostedJob.model_validate(body)
    with services.store.begin() as session:
        made = make(session, services.store, user, wanted(session, services.store, user, posted))
    services.bell.ring(made.messages)
    return made.job
