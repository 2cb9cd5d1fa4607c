"""What the forms of the pages send. The gate has checked that they come from our pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_core.errors import InputError, SubtomoError
from subtomo_core.spec import job_spec_adapter
from subtomo_server.needs import NeedServices, NeedStore, NeedUser, Services
from subtomo_server.pages.views import render_dataset
from subtomo_server.specs import resolved
from subtomo_server.validation import problems_of
from subtomo_server.vocabulary import field_names
from subtomo_store import jobs
from subtomo_store.records import Job, User

router = APIRouter(include_in_schema=False)


@router.post("/datasets/{dataset_id}/jobs")
async def start(
    services: NeedServices, user: NeedUser, request: Request, dataset_id: str
) -> Response:
    """Start a job, or show the form again with what is wrong."""
    sent = parse_qs((await request.body()).decode("utf-8", "replace"))
    entered = {name: values[0].strip() for name, values in sent.items()}
    try:
        job = await run_in_threadpool(_start, services, user, specification(dataset_id, entered))
    except ValidationError as error:
        found = problems_of(error.errors(), specification(dataset_id, entered), field_names())
        problems = tuple(problem.detail for problem in found)
    except InputError as error:
        problems = tuple(problem.detail for problem in error.problems)
    except SubtomoError as error:
        problems = (str(error),)
    else:
        return RedirectResponse(f"/jobs/{job.id}", status_code=303)
    return await run_in_threadpool(
        render_dataset,
        services.store,
        user,
        request,
        dataset_id,
        status=422,
        problems=problems,
        entered=entered,
    )


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


def specification(dataset_id: str, entered: dict[str, str]) -> dict[str, Any]:
    """Make the API's request body out of the form's fields; empty ones are left out."""
    body: dict[str, Any] = {"dataset": dataset_id}
    body |= {key: entered[key] for key in ("name", "algorithm") if entered.get(key)}
    numbers = ("classes", "iterations", "starts", "seed")
    body |= {key: entered[key] for key in numbers if entered.get(key)}
    if body.get("algorithm") == "pairwise":
        body.pop("iterations", None)  # the form always holds a number; here it is no choice
    if entered.get("half_sets"):
        body["half_sets"] = True
    if entered.get("symmetry"):
        names = [name.strip() for name in entered["symmetry"].split(",")]
        body["symmetry"] = names[0] if len(names) == 1 else names
    if entered.get("mask"):
        body["mask"] = {"kind": "map", "map": entered["mask"]}
    elif entered.get("diameter"):
        body["mask"] = {"diameter_angstrom": entered["diameter"]}
    if entered.get("resolution"):
        body["resolution"] = {"start_angstrom": entered["resolution"]}
    if entered.get("start") == "poses":
        body["start"] = {"kind": "poses"}
    if entered.get("range"):
        body["parameters"] = {"search_range_deg": entered["range"]}
    return body


def _start(services: Services, user: User, body: dict[str, Any]) -> Job:
    spec = job_spec_adapter.validate_python(body)
    with services.store.begin() as session:
        dataset, full = resolved(session, services.store.files, user, spec)
        made = jobs.create(session, user_id=user.id, dataset=dataset, spec=full)
    services.bell.ring(made.messages)
    return made.job
