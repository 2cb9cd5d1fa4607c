"""The forms of a job's page by which it goes on: resume, continue and clone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_core.errors import InputError, Problem, SubtomoError
from subtomo_server.deps.dependencies import NeedServices, NeedUser, Services
from subtomo_server.http.problems import kind_of
from subtomo_server.jobs import continuing
from subtomo_server.jobs.changes import body_of, parsed, variants
from subtomo_server.jobs.origins import origin
from subtomo_server.jobs.posting import Wanted, highest_priority, make, wanted
from subtomo_server.jobs.resuming import resumed
from subtomo_server.pages.fields import fields_of
from subtomo_server.pages.views import render_job
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Job, Message
from subtomo_store.errors import ConflictError, QuotaError

router = APIRouter(include_in_schema=False)
Choose = Callable[[Session, Job, str | None], Sequence[Wanted]]
FIELDS = {
    "name": "name",
    "classes": "classes",
    "iterations": "iterations",
    "symmetry": "symmetry",
    "seed": "seed",
    "limit": "resolution.limit_angstrom",
    "diameter": "mask.diameter_angstrom",
    "mask": "mask.map",
}
SEVERAL = frozenset({"classes", "iterations", "seed", "limit"})


@router.post("/jobs/{job_id}/continue")
async def go_on(services: NeedServices, user: NeedUser, request: Request, job_id: str) -> Response:
    """Go on from an iteration, or show the form again with what is wrong."""
    entered = await _entered(request)

    def choose(session: Session, job: Job, webhook: str | None) -> list[Wanted]:
        numbers = [_number(entered.get(key, "")) for key in ("from", "further")]
        fields = ("limit", "symmetry", "diameter", "mask")
        changes = _changes({key: entered.get(key, "") for key in fields})
        request = continuing.Request(numbers[0], numbers[1], changes, webhook)
        return [continuing.continued(session, services.store, user, job, request)]

    return await run_in_threadpool(_answer, services, user, request, job_id, choose)


@router.post("/jobs/{job_id}/resume")
def resume(services: NeedServices, user: NeedUser, request: Request, job_id: str) -> Response:
    """Let a failed job go on, or say on its page why it cannot."""
    try:
        with services.store.begin() as session:
            found = resumed(session, services.store, user, job_id)
    except (ConflictError, QuotaError) as error:
        problems, status = (str(error),), kind_of(error).status
        return render_job(services.store, user, request, job_id, status=status, problems=problems)
    services.bell.ring(found.messages)
    return RedirectResponse(f"/jobs/{found.job.id}", status_code=303)


@router.post("/jobs/{job_id}/clone")
async def clone(services: NeedServices, user: NeedUser, request: Request, job_id: str) -> Response:
    """Start the job again with changes; fields with several values make one job for each."""
    entered = await _entered(request)

    def choose(session: Session, job: Job, webhook: str | None) -> list[Wanted]:
        several = {key: entered[key] for key in SEVERAL if "," in entered.get(key, "")}
        once = {key: value for key, value in entered.items() if key not in several}
        highest = highest_priority(session, services.store, user)
        body, changes = body_of(job, webhook, highest), _changes(once)
        if not several:
            return [wanted(session, services.store, user, parsed(body, changes, ""))]
        values = {
            FIELDS[key]: [_value(v) for v in text.split(",")] for key, text in several.items()
        }
        document = parsed(body, changes, "").document
        return [
            wanted(session, services.store, user, parsed(document, variant.body, ""))
            for variant in variants(values, str(document.get("name") or job.name))
        ]

    return await run_in_threadpool(_answer, services, user, request, job_id, choose)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 3:
        raise InputError(Problem(f"'{text[:40]}' is not a number of iterations"))
    return int(text)


async def _entered(request: Request) -> dict[str, str]:
    return {name: text.strip() for name, text in (await fields_of(request)).items()}


def _changes(entered: dict[str, str]) -> dict[str, Any]:
    """Changes as over HTTP; empty fields change nothing."""
    if entered.get("mask") and entered.get("diameter"):
        raise InputError(Problem("give a mask or its diameter, not both", pointer="/mask"))
    changes: dict[str, Any] = {}
    for key, path in FIELDS.items():
        if not entered.get(key):
            continue
        group, _, last = path.rpartition(".")
        here = changes.setdefault(group, {}) if group else changes
        here[last] = _symmetry(entered[key]) if key == "symmetry" else entered[key]
    return changes


def _symmetry(text: str) -> str | list[str]:
    names = [name.strip() for name in text.split(",")]
    return names[0] if len(names) == 1 else names


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _answer(
    services: Services, user: User, request: Request, job_id: str, choose: Choose
) -> Response:
    """Go to the new job's page, or to the list where there are several."""
    messages: list[Message] = []
    status = 422
    try:
        with services.store.begin() as session:
            found = choose(session, *origin(session, user, job_id))
            made = [make(session, services.store, user, one) for one in found]
            messages = [message for new in made for message in new.messages]
    except InputError as error:
        problems = tuple(problem.detail for problem in error.problems)
    except SubtomoError as error:
        problems, status = (str(error),), kind_of(error).status
    else:
        services.bell.ring(messages)
        path = f"/jobs/{made[0].job.id}" if len(made) == 1 else "/"
        return RedirectResponse(path, status_code=303)
    form = request.url.path.rpartition("/")[2]
    return render_job(
        services.store, user, request, job_id, status=status, problems=problems, form=form
    )
